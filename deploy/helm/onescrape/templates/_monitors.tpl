{{/* One endpoint per pod, not one per worker. */}}
{{- define "onescrape.endpoint" -}}
- port: metrics
  path: /metrics
  interval: {{ .interval }}
  scrapeTimeout: {{ .scrapeTimeout }}
{{- end -}}

{{- define "onescrape.serviceMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "onescrape.name" . }}
  labels:
    {{- include "onescrape.labels" . | nindent 4 }}
    {{- with .Values.onescrape.serviceMonitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "onescrape.labels" . | nindent 6 }}
  endpoints:
    {{- include "onescrape.endpoint" .Values.onescrape.serviceMonitor | nindent 4 }}
{{- end -}}

{{- define "onescrape.podMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ include "onescrape.name" . }}
  labels:
    {{- include "onescrape.labels" . | nindent 4 }}
    {{- with .Values.onescrape.podMonitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "onescrape.selectorLabels" . | nindent 6 }}
  podMetricsEndpoints:
    {{- include "onescrape.endpoint" .Values.onescrape.podMonitor | nindent 4 }}
{{- end -}}
