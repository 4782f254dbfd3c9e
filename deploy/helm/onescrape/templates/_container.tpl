{{/*
What onescrape is told, as variables rather than flags, so that `kubectl exec … onescrape check` knows it, too. A configuration file says
everything else itself.
*/}}
{{- define "onescrape.settings" -}}
{{- $own := .Values.onescrape -}}
{{- if $own.config -}}
- {name: ONESCRAPE_CONFIG_FILE, value: /etc/onescrape/onescrape.yml}
{{ else -}}
- {name: ONESCRAPE_WORKERS, value: "127.0.0.1:{{ $own.startPort }}-{{ sub (add $own.startPort (include "onescrape.ports" . | int)) 1 }}"}
- {name: ONESCRAPE_EXPECT, value: {{ $own.workers | quote }}}
{{ with $own.uwsgi -}}
- {name: ONESCRAPE_UWSGI, value: {{ . | quote }}}
{{ end -}}
{{ with $own.nginx -}}
- {name: ONESCRAPE_NGINX, value: {{ . | quote }}}
{{ end -}}
{{ end -}}
{{ if ne (int $own.port) 11011 -}}
- {name: ONESCRAPE_WEB_LISTEN_ADDRESS, value: "0.0.0.0:{{ $own.port }}"}
{{ end -}}
{{ if $own.state -}}
- {name: ONESCRAPE_STATE_FILE, value: /var/lib/onescrape/state}
{{ end -}}
{{ with $own.env -}}
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
  {{- with $own.args }}
  args:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  env:
    {{- include "onescrape.env" . | nindent 4 }}
    {{- include "onescrape.settings" . | trim | nindent 4 }}
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
