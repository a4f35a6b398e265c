{{- /* Names, labels, and what every Pod and container has. Most take (dict "root" $ "component" "memory" …). */ -}}

{{- define "segue.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}

{{- define "segue.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "segue.name" .) .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "segue.name" .) | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "segue.selector" -}}
app.kubernetes.io/name: {{ include "segue.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "segue.labels" -}}
{{ include "segue.selector" . }}
app.kubernetes.io/part-of: segue
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "segue.metadata" -}}
name: {{ include "segue.fullname" .root }}-{{ .component }}
labels: {{- include "segue.labels" . | nindent 2 }}
{{- end -}}

{{- define "segue.podMetadata" -}}
labels:
  {{- include "segue.labels" . | nindent 2 }}
  {{- with .root.Values.pod.labels }}{{ toYaml . | nindent 2 }}{{ end }}
{{- with .root.Values.pod.annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* "user" is the one of the image. Names of services are no environment variables: SEGUE_GATEWAY_PORT is a setting. */ -}}
{{- define "segue.pod" -}}
{{- $user := .user | default 10001 | int64 -}}
serviceAccountName: {{ include "segue.fullname" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .graceSeconds | default 30 }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
# A name that is gone for a moment must not hold a call up for ten seconds.
dnsConfig:
  options:
    - { name: timeout, value: "1" }
    - { name: attempts, value: "2" }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .spread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: { matchLabels: { {{- include "segue.selector" . | replace "\n" ", " -}} } }
{{- end }}
{{- end -}}

{{- define "segue.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{- /* One of Segue's own containers, up to its environment; "service" is the image's name, if not the component's. */ -}}
{{- define "segue.container" -}}
name: {{ .component }}
image: {{ with .root.Values.image.registry }}{{ . }}/{{ end }}segue-{{ .service | default .component }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{ include "segue.security" . }}
resources: {{- toYaml (index .root.Values .component).resources | nindent 2 }}
{{- end -}}

{{- /* Settings, those of the component over those of all over the chart's own ("settings"). */ -}}
{{- define "segue.settings" -}}
{{- $own := merge (dict "SEGUE_SERVICE_SECRET_FILE" "/run/segue/secret") .settings -}}
{{- range $name, $value := merge (dict) (index .root.Values .component).env .root.Values.env $own }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end -}}

{{- define "segue.secretVariable" -}}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret.name }}, key: {{ .secret.key }} } }
{{- end -}}

{{- define "segue.mounts" -}}
- { name: tmp, mountPath: /tmp }
- { name: service-secret, mountPath: /run/segue, readOnly: true }
{{- end -}}

{{- define "segue.volumes" -}}
- name: tmp
  emptyDir: { medium: Memory, sizeLimit: 64Mi }
- name: service-secret
  secret:
    secretName: {{ .root.Values.secrets.service.name }}
    defaultMode: 0440
    items: [{ key: {{ .root.Values.secrets.service.key }}, path: secret }]
{{- end -}}

{{- define "segue.claim" -}}
- metadata: { name: {{ .name }} }
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storage.className }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources: { requests: { storage: {{ .storage.size }} } }
{{- end -}}

{{- /* gRPC's health: it lives, it takes work. "starts" is how often it is asked before it counts as hanging, each 2 s. */ -}}
{{- define "segue.grpcProbes" -}}
startupProbe:
  grpc: { port: {{ .port }}, service: liveness }
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: {{ .starts | default 60 }}
livenessProbe:
  grpc: { port: {{ .port }}, service: liveness }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  grpc: { port: {{ .port }} }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{- define "segue.grpcPorts" -}}
ports:
  - { name: grpc, containerPort: {{ .port }} }
  - { name: metrics, containerPort: 9464 }
{{- end -}}

{{- /* A name that stands for the addresses of all Pods: gRPC goes round them itself. */ -}}
{{- define "segue.headlessService" -}}
apiVersion: v1
kind: Service
metadata: {{- include "segue.metadata" . | nindent 2 }}
spec:
  clusterIP: None
  selector: {{- include "segue.selector" . | nindent 4 }}
  ports: [{ name: {{ .portName | default "grpc" }}, port: {{ .port }}, targetPort: {{ .portName | default "grpc" }} }]
{{- end -}}

{{- define "segue.target" -}}
dns:///{{ include "segue.fullname" .root }}-{{ .component }}:{{ .port }}
{{- end -}}

{{- /* The URL of a Redis: its own from the Secret's password, yours whole; (dict "root" $ "name" VARIABLE "secret" … "number" 0). */ -}}
{{- define "segue.redisUrl" -}}
{{- if .root.Values.redis.deploy }}
{{- include "segue.secretVariable" (dict "name" "REDIS_PASSWORD" "secret" .root.Values.secrets.redisPassword) }}
- { name: {{ .name }}, value: "redis://:$(REDIS_PASSWORD)@{{ include "segue.fullname" .root }}-redis:6379/{{ .number }}" }
{{- else }}
{{- include "segue.secretVariable" (dict "name" .name "secret" .secret) }}
{{- end }}
{{- end -}}

{{- /* What reads the memories has the URL of PostgreSQL, as a variable or a file, and the key. */ -}}
{{- define "segue.databaseVariables" -}}
{{- if eq .Values.memory.database "own" }}
{{- include "segue.secretVariable" (dict "name" "DATABASE_PASSWORD" "secret" .Values.secrets.databasePassword) }}
- { name: SEGUE_MEMORY_DATABASE_URL, value: "postgresql://segue:$(DATABASE_PASSWORD)@{{ include "segue.fullname" . }}-postgresql:5432/segue" }
{{- end }}
{{- end -}}

{{- define "segue.memoryMounts" -}}
{{- if eq .Values.memory.database "external" }}
- { name: database-url, mountPath: /run/database, readOnly: true }
{{- end }}
{{- if .Values.secrets.encryptionKey.name }}
- { name: encryption-key, mountPath: /run/key, readOnly: true }
{{- end }}
{{- end -}}

{{- define "segue.memoryVolumes" -}}
{{- if eq .Values.memory.database "external" }}
- name: database-url
  secret:
    secretName: {{ .Values.secrets.databaseUrl.name }}
    defaultMode: 0440
    items: [{ key: {{ .Values.secrets.databaseUrl.key }}, path: url }]
{{- end }}
{{- with .Values.secrets.encryptionKey }}{{ if .name }}
- name: encryption-key
  secret:
    secretName: {{ .name }}
    defaultMode: 0440
    items: [{ key: {{ .key }}, path: memory.key }]
{{- end }}{{ end }}
{{- end -}}

{{- define "segue.eventsMax" -}}
{{ .Values.integration.enabled | ternary "100000" "0" }}
{{- end -}}
