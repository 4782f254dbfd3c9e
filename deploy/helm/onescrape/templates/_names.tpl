{{/* Labels that select the application's pods. */}}
{{- define "onescrape.selectorLabels" -}}
{{- if .Values.onescrape.selectorLabels -}}
{{- toYaml .Values.onescrape.selectorLabels -}}
{{- else -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- end -}}

{{/* Labels of what is made here. */}}
{{- define "onescrape.labels" -}}
{{ include "onescrape.selectorLabels" . }}
app.kubernetes.io/component: metrics
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* Name of what is made here: the release's, since a chart has one sidecar. */}}
{{- define "onescrape.name" -}}
{{ printf "%s-metrics" (.Release.Name | trunc 55 | trimSuffix "-") }}
{{- end -}}

{{/* The image. A library chart's own version is not among its user's values, so it stands here; a test holds the two together. */}}
{{- define "onescrape.image" -}}
{{- $image := .Values.onescrape.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default "0.1.0" }}
{{- end -}}
{{- end -}}
