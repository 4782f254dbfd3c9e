{{/* Everything beside the pod, each a document of its own: one file of the user's chart has this line and nothing else. */}}
{{- define "onescrape.objects" -}}
{{- $own := .Values.onescrape -}}
{{- if $own.enabled -}}
{{- if $own.config }}
---
{{ include "onescrape.configMap" . }}
{{- end }}
{{- if or $own.service.enabled $own.serviceMonitor.enabled }}
---
{{ include "onescrape.service" . }}
{{- end }}
{{- if $own.serviceMonitor.enabled }}
---
{{ include "onescrape.serviceMonitor" . }}
{{- end }}
{{- if $own.podMonitor.enabled }}
---
{{ include "onescrape.podMonitor" . }}
{{- end }}
{{- if $own.networkPolicy.enabled }}
---
{{ include "onescrape.networkPolicy" . }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "onescrape.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "onescrape.name" . }}
  labels:
    {{- include "onescrape.labels" . | nindent 4 }}
data:
  onescrape.yml: |
    {{- toYaml .Values.onescrape.config | nindent 4 }}
{{- end -}}

{{/* Headless, as Prometheus wants every pod; by number, as names of a native sidecar's ports are understood since Kubernetes 1.32. */}}
{{- define "onescrape.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "onescrape.name" . }}
  labels:
    {{- include "onescrape.labels" . | nindent 4 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "onescrape.selectorLabels" . | nindent 4 }}
  ports:
    - {name: metrics, port: {{ .Values.onescrape.port }}, targetPort: {{ .Values.onescrape.port }}}
{{- end -}}

{{- define "onescrape.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "onescrape.name" . }}
  labels:
    {{- include "onescrape.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "onescrape.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    {{- with .Values.onescrape.networkPolicy.applicationPorts }}
    - ports:
        {{- range . }}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
    {{- end }}
    - from:
        {{- toYaml .Values.onescrape.networkPolicy.from | nindent 8 }}
      ports:
        - {protocol: TCP, port: {{ .Values.onescrape.port }}}
{{- end -}}
