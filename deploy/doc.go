// Package deploy checks what is shipped for the tools around Throughline: Prometheus rules and Grafana dashboards.
//
// It holds no code. Its tests parse every expression in rules and dashboards, and compare metrics and labels with what the
// collector exposes: the metadata of our components, the table of derived metrics, and the few metrics of the collector's
// core that are used. Whether the collector really exposes them is what test/e2e asks a real Prometheus.
package deploy
