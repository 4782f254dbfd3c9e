{{/* Flags, one a line: of a configuration file only its name, as it says everything else. */}}
{{- define "onescrape.args" -}}
{{- $own := .Values.onescrape -}}
{{- if $own.config -}}
- --config.file=/etc/onescrape/onescrape.yml
{{ else -}}
- --workers=127.0.0.1:{{ $own.startPort }}-{{ sub (add $own.startPort (include "onescrape.ports" . | int)) 1 }}
- --expect={{ $own.workers }}
{{ with $own.uwsgi -}}
- {{ printf "--uwsgi=%s" . | quote }}
{{ end -}}
{{ with $own.nginx -}}
- {{ printf "--nginx=%s" . | quote }}
{{ end -}}
{{ end -}}
{{ if ne (int $own.port) 11011 -}}
- --web.listen-address=0.0.0.0:{{ $own.port }}
{{ end -}}
{{ if $own.state -}}
- --state.file=/var/lib/onescrape/state
{{ end -}}
{{ with $own.args -}}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{/*
The container. Both probes ask whether onescrape itself lives, so that a dead worker doesn't restart it; there is no readiness probe on
purpose, since metrics must never take the application out of its Service.
*/}}
{{- define "onescrape.container" -}}
{{- $own := .Values.onescrape -}}
- name: onescrape
  image: {{ include "onescrape.image" . | quote }}
  imagePullPolicy: {{ $own.image.pullPolicy }}
  {{- if $own.native }}
  restartPolicy: Always
  {{- end }}
  args:
    {{- include "onescrape.args" . | trim | nindent 4 }}
  env:
    {{- include "onescrape.env" . | nindent 4 }}
    {{- with $own.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports:
    - {name: metrics, containerPort: {{ $own.port }}}
  startupProbe:
    httpGet: {path: /-/healthy, port: metrics}
    periodSeconds: 1
    timeoutSeconds: 5
    failureThreshold: 30
  livenessProbe:
    httpGet: {path: /-/healthy, port: metrics}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  resources:
    {{- toYaml $own.resources | nindent 4 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities: {drop: [ALL]}
    seccompProfile: {type: RuntimeDefault}
  terminationMessagePolicy: FallbackToLogsOnError
  {{- if or $own.state $own.config $own.volumeMounts }}
  volumeMounts:
    {{- if $own.state }}
    - {name: onescrape-state, mountPath: /var/lib/onescrape}
    {{- end }}
    {{- if $own.config }}
    - {name: onescrape-config, mountPath: /etc/onescrape, readOnly: true}
    {{- end }}
    {{- with $own.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end -}}
