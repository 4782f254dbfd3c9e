{{/*
What goes into the application's pod. Each template renders nothing where onescrape is off or has nothing to say there, so that all of
them are used the same way:

  {{- with include "onescrape.volumes" . }}
  volumes:
    {{- nindent 8 . }}
  {{- end }}
*/}}

{{/* How many ports the workers may take. */}}
{{- define "onescrape.ports" -}}
{{ .Values.onescrape.ports | default (mul 2 .Values.onescrape.workers) }}
{{- end -}}

{{/*
Variables that application and sidecar share: items of `env` of the application's container. They are there without a sidecar, too: the
application reads how many workers to start from them.
*/}}
{{- define "onescrape.env" -}}
- {name: WEB_CONCURRENCY, value: {{ .Values.onescrape.workers | quote }}}
- {name: METRICS_START_PORT, value: {{ .Values.onescrape.startPort | quote }}}
- {name: METRICS_PORTS, value: {{ include "onescrape.ports" . | quote }}}
{{- end -}}

{{/*
Items of the pod's `annotations`. There is no checksum of the configuration: onescrape loads a changed file by itself, and the application
must not restart for it.
*/}}
{{- define "onescrape.podAnnotations" -}}
{{- if and .Values.onescrape.enabled .Values.onescrape.annotations -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.onescrape.port | quote }}
prometheus.io/path: /metrics
{{- end -}}
{{- end -}}

{{/* Items of the pod's `initContainers`. */}}
{{- define "onescrape.initContainers" -}}
{{- if and .Values.onescrape.enabled .Values.onescrape.native -}}
{{- if semverCompare "<1.29-0" .Capabilities.KubeVersion.Version -}}
{{- fail (printf "onescrape.native: Kubernetes %s has no native sidecars, the pod would wait for ever; set onescrape.native to false" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{ include "onescrape.container" . }}
{{- end -}}
{{- end -}}

{{/* Items of the pod's `containers`. */}}
{{- define "onescrape.containers" -}}
{{- if and .Values.onescrape.enabled (not .Values.onescrape.native) -}}
{{ include "onescrape.container" . }}
{{- end -}}
{{- end -}}

{{/* Items of the pod's `volumes`. */}}
{{- define "onescrape.volumes" -}}
{{- if .Values.onescrape.enabled -}}
{{- $volumes := list -}}
{{- if .Values.onescrape.state -}}
{{- $volumes = append $volumes (dict "name" "onescrape-state" "emptyDir" dict) -}}
{{- end -}}
{{- if .Values.onescrape.config -}}
{{- $volumes = append $volumes (dict "name" "onescrape-config" "configMap" (dict "name" (include "onescrape.name" .))) -}}
{{- end -}}
{{- if $volumes -}}
{{- toYaml $volumes -}}
{{- end -}}
{{- end -}}
{{- end -}}
