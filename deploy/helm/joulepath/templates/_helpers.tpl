{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The beginning of all names: the release, and `joulepath` where the release's name does not have it. A Service's name
has no dot and begins with a letter. */}}
{{- define "joulepath.name" -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- $name := ternary $release (printf "%s-joulepath" $release) (contains "joulepath" $release) -}}
{{- ternary $name (printf "joulepath-%s" .Release.Name | replace "." "-") (regexMatch "^[a-z]" $name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels by which selectors know the pods of a component: {root, name}. */}}
{{- define "joulepath.selector" -}}
app.kubernetes.io/name: joulepath
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{/* Labels that no selector reads. */}}
{{- define "joulepath.version" -}}
app.kubernetes.io/part-of: joulepath
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Labels of objects that are of no single component. */}}
{{- define "joulepath.labels" -}}
app.kubernetes.io/name: joulepath
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{ include "joulepath.version" . }}
{{- end -}}

{{/* Name, namespace and labels of a component's object: {root, name}. */}}
{{- define "joulepath.metadata" -}}
name: {{ include "joulepath.name" .root }}-{{ .name }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "joulepath.selector" . | nindent 2 }}
  {{- include "joulepath.version" .root | nindent 2 }}
{{- end -}}

{{/* The files of a component's configuration, by their name, as YAML; nothing if it has none: {root, name, facts, settings}. */}}
{{- define "joulepath.files" -}}
{{- $files := dict -}}
{{- if .settings.config -}}
{{- $_ := set $files (printf "%s.yaml" .name) (toYaml .settings.config) -}}
{{- end -}}
{{- range $node, $config := .settings.nodes -}}
{{- $_ := set $files (printf "%s.yaml" $node) (toYaml $config) -}}
{{- end -}}
{{- range $model, $text := .settings.powerModels -}}
{{- $_ := set $files (printf "power-model.%s.yaml" $model) $text -}}
{{- end -}}
{{- with .settings.topology -}}
{{- $_ := set $files "topology.yaml" . -}}
{{- end -}}
{{- if $files -}}{{ toYaml $files }}{{- end -}}
{{- end -}}

{{/* Refuses settings that cannot work, with what to do: {root, name, facts, settings}. */}}
{{- define "joulepath.check" -}}
{{- if .facts.byNode -}}
  {{- if and .settings.config .settings.nodes -}}
    {{- fail (printf "%s: give either %s.config, for all nodes, or %s.nodes, for each node its own" .name .name .name) -}}
  {{- else if not (or .settings.config .settings.nodes) -}}
    {{- fail (printf "%s.config: is missing; write the configuration there, or that of each node in %s.nodes" .name .name) -}}
  {{- else if and .settings.nodes .settings.affinity -}}
    {{- fail (printf "%s.affinity: leave it out; %s.nodes names the nodes" .name .name) -}}
  {{- end -}}
{{- else if and .facts.talks (not .settings.config) -}}
  {{- fail (printf "%s.config: is missing; it names the devices" .name) -}}
{{- else if and .facts.command (not .settings.topology) -}}
  {{- fail (printf "%s.topology: is missing; give the file: --set-file %s.topology=topology.yaml" .name .name) -}}
{{- end -}}
{{- end -}}

{{/* The image; a tag such as sha256:0123... is a digest. */}}
{{- define "joulepath.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- printf "%s%s%s" .Values.image.repository (ternary "@" ":" (hasPrefix "sha256:" $tag)) $tag -}}
{{- end -}}

{{/* The pod of a component: {root, name, facts, settings}. */}}
{{- define "joulepath.pod" -}}
{{- include "joulepath.check" . -}}
{{- $files := include "joulepath.files" . | fromYaml -}}
{{- $root := .facts.root | default false -}}
metadata:
  labels:
    {{- include "joulepath.selector" . | nindent 4 }}
    {{- include "joulepath.version" .root | nindent 4 }}
  {{- with .settings.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "joulepath.name" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .settings.runtimeClassName }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  {{- with .settings.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- if .facts.hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  {{- if .facts.hostPID }}
  hostPID: true
  {{- end }}
  terminationGracePeriodSeconds: 15
  securityContext:
    runAsNonRoot: {{ not $root }}
    runAsUser: {{ ternary 0 10471 $root }}
    runAsGroup: 10471
    fsGroup: 10471
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: {{ .name }}
      image: {{ include "joulepath.image" .root | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command: [joulepath]
      args:
        {{- range .facts.command | default (list .name) }}
        - {{ . }}
        {{- end }}
        {{- if .settings.topology }}
        - /etc/joulepath/topology.yaml
        {{- end }}
        {{- if .settings.config }}
        - --config=/etc/joulepath/{{ .name }}.yaml
        {{- else if .settings.nodes }}
        - --config=/etc/joulepath/$(NODE_NAME).yaml
        {{- end }}
        {{- range $model, $_ := .settings.powerModels }}
        - --power-model=/etc/joulepath/power-model.{{ $model }}.yaml
        {{- end }}
        {{- range .facts.args }}
        - {{ . }}
        {{- end }}
        {{- range .settings.args }}
        - {{ . | quote }}
        {{- end }}
      {{- if or .settings.nodes .facts.env }}
      env:
        {{- range $name, $value := .facts.env }}
        - {name: {{ $name }}, value: {{ $value }}}
        {{- end }}
        {{- if .settings.nodes }}
        - name: NODE_NAME
          valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
        {{- end }}
      {{- end }}
      ports:
        - {name: metrics, containerPort: {{ .facts.port }}, protocol: TCP}
      livenessProbe:
        httpGet: {path: /-/healthy, port: metrics}
        periodSeconds: 30
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /-/ready, port: metrics}
        periodSeconds: 10
        timeoutSeconds: 5
      resources: {{- toYaml .settings.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        privileged: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
          {{- with .facts.capabilities }}
          add: {{ toJson . }}
          {{- end }}
      {{- if or $files .facts.node .facts.runtime .settings.volumeMounts }}
      volumeMounts:
        {{- if $files }}
        - {name: configuration, mountPath: /etc/joulepath, readOnly: true}
        {{- end }}
        {{- range .facts.node }}
        - {name: {{ include "joulepath.volume" . }}, mountPath: /node{{ . }}, readOnly: true}
        {{- end }}
        {{- with .facts.runtime }}
        - {name: runtime, mountPath: {{ . }}}
        {{- end }}
        {{- with .settings.volumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- if or $files .facts.node .facts.runtime .settings.volumes }}
  volumes:
    {{- if $files }}
    - name: configuration
      projected:
        defaultMode: 0440
        sources:
          - configMap: {name: {{ include "joulepath.name" .root }}-{{ .name }}}
          {{- with .settings.secret }}
          - secret: {name: {{ . | quote }}}
          {{- end }}
    {{- end }}
    {{- range .facts.node }}
    - {name: {{ include "joulepath.volume" . }}, hostPath: {path: {{ . }}, type: Directory}}
    {{- end }}
    {{- if .facts.runtime }}
    - {name: runtime, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
    {{- end }}
    {{- with .settings.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with .settings.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .settings.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .settings.nodes }}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          {{- range $node, $_ := .settings.nodes }}
          - matchFields: [{key: metadata.name, operator: In, values: [{{ $node | quote }}]}]
          {{- end }}
  {{- else if .settings.affinity }}
  affinity: {{- toYaml .settings.affinity | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The name of the volume of a folder of the node. */}}
{{- define "joulepath.volume" -}}
node{{ . | replace "/" "-" }}
{{- end -}}

{{/* Labels of an object of the Prometheus operator. */}}
{{- define "joulepath.monitor" -}}
{{ include "joulepath.labels" . }}
{{- with .Values.prometheus.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
