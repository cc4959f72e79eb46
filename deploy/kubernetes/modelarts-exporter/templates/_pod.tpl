{{/* The pod template of the Deployment or, if there are several exporters, of the StatefulSet. */}}
{{- define "modelarts-exporter.pod" -}}
{{- $claim := include "modelarts-exporter.claim" . -}}
{{- $set := gt (int (include "modelarts-exporter.pods" .)) 1 -}}
metadata:
  labels:
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "modelarts-exporter.selector" . | nindent 4 }}
    app.kubernetes.io/component: exporter
  annotations:
    # A changed configuration starts a new pod, so problems stop the rollout and are noticed.
    checksum/config: {{ toYaml .Values.config | sha256sum | quote }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "modelarts-exporter.serviceAccount" . | quote }}
  # The exporter does not use the Kubernetes API. CCE pod identity mounts its own token.
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- include "modelarts-exporter.podSecurity" . | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "modelarts-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- if .Values.demo }}
        - demo
        {{- else }}
        - --config.file=/etc/modelarts-exporter/exporter.yml
        {{- end }}
        {{- with .Values.webConfig.secret }}
        - "--web.config.file=/run/secrets/{{ . }}/web.yml"
        {{- end }}
        {{- if gt (int .Values.sharding.total) 1 }}
        # The pod's name tells which shard it is.
        - --shard.total={{ .Values.sharding.total }}
        {{- end }}
      {{- if or $set $claim .Values.env }}
      env:
        {{- if $set }}
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- if $claim }}
        - name: MODELARTS_EXPORTER_STATE__PATH
          value: /var/lib/modelarts-exporter/state.db
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: 10310
      startupProbe:
        {{- include "modelarts-exporter.cli.healthcheck" (dict "root" . "path" "/-/healthy") | nindent 8 }}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 30
      livenessProbe:
        {{- include "modelarts-exporter.cli.healthcheck" (dict "root" . "path" "/-/healthy") | nindent 8 }}
        periodSeconds: 30
        timeoutSeconds: 5
      readinessProbe:
        {{- include "modelarts-exporter.cli.healthcheck" (dict "root" . "path" "/-/ready") | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "modelarts-exporter.containerSecurity" . | nindent 8 }}
      {{- if or (not .Values.demo) .Values.secrets }}
      volumeMounts:
        {{- if not .Values.demo }}
        - name: config
          mountPath: /etc/modelarts-exporter
          readOnly: true
        {{- end }}
        {{- if $claim }}
        - name: state
          mountPath: /var/lib/modelarts-exporter
        {{- end }}
        {{- range $index, $name := .Values.secrets }}
        - name: secret-{{ $index }}
          mountPath: "/run/secrets/{{ $name }}"
          readOnly: true
        {{- end }}
      {{- end }}
  {{- if or (not .Values.demo) .Values.secrets }}
  volumes:
    {{- if not .Values.demo }}
    - name: config
      configMap:
        name: {{ include "modelarts-exporter.fullname" . | quote }}
    {{- end }}
    {{- if and $claim (not $set) }}
    - name: state
      persistentVolumeClaim:
        claimName: {{ $claim | quote }}
    {{- end }}
    {{- range $index, $name := .Values.secrets }}
    - name: secret-{{ $index }}
      secret:
        secretName: {{ $name | quote }}
        defaultMode: 0440
    {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
