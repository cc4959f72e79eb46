{{/* For use as a label's value: at most 63 characters, ending with a letter or a digit. */}}
{{- define "modelarts-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | regexFind ".*[a-z0-9]" -}}
{{- end -}}

{{/* The name of every object. Unlike a release's name, a Service's has no dots and begins with a letter. */}}
{{- define "modelarts-exporter.fullname" -}}
{{- $name := include "modelarts-exporter.name" . -}}
{{- $full := .Release.Name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if not (contains $name .Release.Name) -}}
{{- $full = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- if regexMatch "^[0-9]" $full -}}
{{- $full = printf "release-%s" $full -}}
{{- end -}}
{{- $full | replace "." "-" | trunc 50 | regexFind ".*[a-z0-9]" -}}
{{- end -}}

{{- define "modelarts-exporter.selector" -}}
app.kubernetes.io/name: {{ include "modelarts-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "modelarts-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{ include "modelarts-exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end -}}

{{/* Ends with the labels, so that an object can add its own. */}}
{{- define "modelarts-exporter.metadata" -}}
name: {{ include "modelarts-exporter.fullname" . | quote }}
namespace: {{ .Release.Namespace | quote }}
labels:
  {{- include "modelarts-exporter.labels" . | nindent 2 }}
{{- end -}}

{{- define "modelarts-exporter.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "modelarts-exporter.fullname" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "modelarts-exporter.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "modelarts-exporter.scheme" -}}
{{- ternary "https" "http" .Values.webConfig.tls -}}
{{- end -}}

{{/* The claim for the exporter's state; empty if none is kept. The demo keeps none. */}}
{{- define "modelarts-exporter.claim" -}}
{{- if and .Values.persistence.enabled (not .Values.demo) -}}
{{- default (include "modelarts-exporter.fullname" .) .Values.persistence.existingClaim -}}
{{- end -}}
{{- end -}}

{{- define "modelarts-exporter.claimSpec" -}}
accessModes: [ReadWriteOnce]
{{- with .Values.persistence.storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.persistence.size | quote }}
{{- end -}}

{{/* The number of pods: one per shard, or the replicas that watch all pools. */}}
{{- define "modelarts-exporter.pods" -}}
{{- max (int .Values.sharding.total) (int .Values.replicas) -}}
{{- end -}}

{{- define "modelarts-exporter.telemetryPath" -}}
{{- ternary "/metrics" (dig "web" "telemetry_path" "/metrics" .Values.config) .Values.demo -}}
{{- end -}}

{{/* The restricted Pod Security Standard; the user is the image's. */}}
{{- define "modelarts-exporter.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
# Makes the files of Secrets readable, and the state's volume writable, for the exporter only.
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "modelarts-exporter.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/*
How to ask a path, as the body of a probe. A password or a certificate stands in no manifest: for a password, the
image's own probe takes 401 for an answer; with client certificates, an open port has to do.
*/}}
{{- define "modelarts-exporter.cli.healthcheck" -}}
{{- $web := .root.Values.webConfig -}}
{{- if $web.clientCertificates -}}
tcpSocket:
  port: metrics
{{- else if $web.basicAuth -}}
exec:
  command: [python, -m, exporter.cli.healthcheck, {{ printf "%s://127.0.0.1:10310%s" (include "modelarts-exporter.scheme" .root) .path | quote }}]
{{- else -}}
httpGet:
  path: {{ .path }}
  port: metrics
  scheme: {{ include "modelarts-exporter.scheme" .root | upper }}
{{- end -}}
{{- end -}}

{{/* Problems between values, which a schema cannot explain. */}}
{{- define "modelarts-exporter.check" -}}
{{- if not (or .Values.demo .Values.config.projects .Values.env) -}}
{{- fail "config.projects is empty: list the projects to watch, or look around with demo: true" -}}
{{- end -}}
{{- if and .Values.webConfig.secret (not (has .Values.webConfig.secret .Values.secrets)) -}}
{{- fail (printf "webConfig.secret: %s is not among the secrets" .Values.webConfig.secret) -}}
{{- end -}}
{{- if and (gt (int .Values.sharding.total) 1) (gt (int .Values.replicas) 1) -}}
{{- fail "replicas: with sharding.total every pod has its own pools; for two of each share install a second release" -}}
{{- end -}}
{{- range .Values.env -}}
{{- if hasPrefix "MODELARTS_EXPORTER_SHARD__" (upper .name) -}}
{{- fail (printf "env: %s would give every pod the same share; sharding.total and the pods' names say which is whose" .name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.persistence.enabled .Values.persistence.existingClaim (ne (include "modelarts-exporter.pods" .) "1") -}}
{{- fail "persistence.existingClaim: every pod has a claim of its own; leave it empty" -}}
{{- end -}}
{{- with .Values.serviceMonitor -}}
{{- $start := toDate "2006" "2000" -}}
{{- if and .scrapeTimeout ((dateModify .scrapeTimeout $start).After (dateModify .interval $start)) -}}
{{- fail (printf "serviceMonitor.scrapeTimeout: %s is longer than the interval, %s" .scrapeTimeout .interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
