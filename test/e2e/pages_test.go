//go:build e2e

package e2e

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	pagesOperations = 2000
	// pagesFirst of them wait before the collector is killed for the first time, pagesEscalate are many enough for another severity.
	pagesFirst    = 700
	pagesEscalate = 1500
	// pagesBatch are sent at a time, every pagesPause.
	pagesBatch = 50
	pagesPause = 50 * time.Millisecond
	// pagesQuiet is how long nobody may be told of anything more at the end: several repetitions, and one more start.
	pagesQuiet = 8 * time.Second
)

// durable keeps everything in the data folder, and lets Alertmanager hear of what fires often enough for a test.
const durable = `yaml:{extensions: {file_storage: {directory: "${env:THROUGHLINE_DATA_DIR}/queues", create_directory: true},
operations: {store: {path: "${env:THROUGHLINE_DATA_DIR}/throughline.db"}, defaults: {escalate: [{operations: %d, severity: critical}]}}},
exporters: {alert: {alertmanager: {routing_labels: %t}, repeat_interval: 3s, sending_queue: {storage: file_storage}}},
service: {extensions: [file_storage, operations, console]}}`

// TestOnePageForManyOperations: 2,000 operations wait for a consumer that is dead, and however often the collector and Alertmanager are killed
// meanwhile, people hear once of each thing that happens. With severities among the labels, an escalation ends one alert and begins another.
func TestOnePageForManyOperations(t *testing.T) {
	for name, routed := range map[string]bool{"the escalation in place": false, "the escalation by labels": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hook := startWebhook(t)
			s := start(t, setup{webhook: hook.url, overlays: []string{shortThresholds, fmt.Sprintf(durable, pagesEscalate, routed)}})
			g := &group{kind: stateStuck, reason: stateWaiting, operation: "orders", destination: "orders"}

			began := time.Now()
			s.sendEach(t, 0, pagesFirst, sent)
			await(t, resolveTimeout, "the first page", func() error { return told(hook, []*group{g}, statusFiring, 1) })
			delay := hook.received(g, statusFiring)[0].at.Sub(began.Add(stuckAfter))
			require.Positive(t, delay)
			t.Logf("told %s after the threshold", delay.Round(time.Millisecond))
			fingerprint := s.onlyAlert(t, "error").Fingerprint

			s.killCollector(t)
			s.sendEach(t, pagesFirst, pagesOperations, sent)
			escalated := s.onlyAlert(t, "critical")
			require.Equal(t, !routed, escalated.Fingerprint == fingerprint, "the same alert, or another one")

			await(t, resolveTimeout, "the page of the escalation", func() error {
				if count := pages(hook); routed && count["firing critical"]+count["resolved error"] != 2 {
					return fmt.Errorf("people were told %v", count)
				}
				return nil
			})
			s.killAlertmanager(t, hook)
			s.onlyAlert(t, "critical")
			s.killCollector(t)
			await(t, resolveTimeout, "the incident", func() error { return s.oneIncident(t, "open", pagesOperations) })
			s.onlyAlert(t, "critical")

			// The consumer is back.
			s.sendEach(t, 0, pagesOperations, processed)
			await(t, resolveTimeout, "the end", func() error { return s.oneIncident(t, "resolved", 0) })
			await(t, resolveTimeout, "the last page", func() error { return s.allOver(t, hook) })
			s.killCollector(t)
			require.NoError(t, s.oneIncident(t, "resolved", 0))
			settled := time.NewTimer(pagesQuiet)
			defer settled.Stop()
			<-settled.C
			requirePages(t, hook, routed)
		})
	}
}

// requirePages requires that each thing was told once. While operations recover, a sweep may find few enough of them left for the former severity.
func requirePages(t *testing.T, hook *webhook, routed bool) {
	t.Helper()
	all, broken := hook.all()
	require.Empty(t, broken)
	for _, n := range all {
		t.Log(n.at.Format(time.StampMilli), n.status, n.alert.Labels["severity"], n.alert.StartsAt, n.alert.EndsAt)
	}
	count := pages(hook)
	if !routed {
		require.Equal(t, map[string]int{"firing": 1, "resolved": 1}, map[string]int{
			"firing": count["firing error"] + count["firing critical"], "resolved": count["resolved error"] + count["resolved critical"],
		})
		return
	}
	want := map[string]int{"firing error": 1, "resolved error": 1, "firing critical": 1, "resolved critical": 1}
	if count["firing error"] == 2 {
		want["firing error"], want["resolved error"] = 2, 2
	}
	require.Equal(t, want, count)
}

// allOver reports whether nothing fires any more and people were told of the end of everything that they were told of.
func (s *stand) allOver(t *testing.T, hook *webhook) error {
	t.Helper()
	active, err := s.activeAlerts(t)
	if err != nil || len(active) > 0 {
		return fmt.Errorf("the active alerts are %v: %w", active, err)
	}
	count := pages(hook)
	for _, severity := range []string{"error", "critical"} {
		if count["firing "+severity] != count["resolved "+severity] {
			return fmt.Errorf("people were told %v", count)
		}
	}
	return nil
}

// pages counts the notifications by status and severity. An alert that has no such label has the severity with which it began.
func pages(hook *webhook) map[string]int {
	count := map[string]int{}
	all, _ := hook.all()
	for _, n := range all {
		count[n.status+" "+cmp.Or(n.alert.Labels["severity"], "error")]++
	}
	return count
}

// killAlertmanager kills Alertmanager once it has written down whom it told, and starts it again where it was.
func (s *stand) killAlertmanager(t *testing.T, hook *webhook) {
	t.Helper()
	all, _ := hook.all()
	last := all[len(all)-1].at
	await(t, resolveTimeout, "Alertmanager's notes", func() error {
		notes, err := os.Stat(filepath.Join(s.dir, "stack", "alertmanager-data", "nflog"))
		if err == nil && !notes.ModTime().After(last) {
			err = fmt.Errorf("written at %s, told at %s", notes.ModTime(), last)
		}
		return err
	})
	require.NoError(t, s.alertmanager.Kill())
	alertmanager, err := s.servers.StartAlertmanager(t.Context(), s.alertmanager.Settings)
	require.NoError(t, err)
	s.alertmanager = alertmanager
}

// killCollector kills the collector as a crash would and starts it again where it was.
func (s *stand) killCollector(t *testing.T) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, s.collector.Kill())
	collector, err := s.servers.StartCollector(t.Context(), s.collector.Settings)
	require.NoError(t, err)
	s.collector = collector
}

// onlyAlert waits until exactly one alert fires, with the severity, and returns it.
func (s *stand) onlyAlert(t *testing.T, severity string) alert {
	t.Helper()
	var active []alert
	await(t, resolveTimeout, "the only alert, "+severity, func() (err error) {
		if active, err = s.activeAlerts(t); err != nil {
			return err
		}
		if len(active) != 1 || active[0].Annotations["severity"] != severity {
			return fmt.Errorf("the active alerts are %v", active)
		}
		return nil
	})
	return active[0]
}

// oneIncident reports whether there is one incident, in the state and with so many operations.
func (s *stand) oneIncident(t *testing.T, state string, operations int) error {
	t.Helper()
	incidents, err := s.incidents(t)
	if err != nil {
		return err
	}
	if len(incidents) != 1 || incidents[0].State != state || incidents[0].Active != operations || incidents[0].Total != pagesOperations || incidents[0].Reopened != 0 {
		return fmt.Errorf("the incidents are %+v", incidents)
	}
	return nil
}

// sendEach sends what each of the operations does, a few at a time.
func (s *stand) sendEach(t *testing.T, from, to int, what func(ptrace.Traces, int)) {
	t.Helper()
	ticker := time.NewTicker(pagesPause)
	defer ticker.Stop()
	for ; from < to; from += pagesBatch {
		traces := ptrace.NewTraces()
		for i := from; i < min(from+pagesBatch, to); i++ {
			what(traces, i)
		}
		s.sendTraces(t, traces)
		<-ticker.C
	}
}

func pagesTrace(i int) pcommon.TraceID {
	trace := pcommon.TraceID{0x58}
	binary.BigEndian.PutUint32(trace[8:], uint32(i))
	return trace
}

// sent is the message of an operation.
func sent(traces ptrace.Traces, i int) {
	span := orderSpan(traces, pagesTrace(i), "shop", "shop-1", "1.0")
	span.SetKind(ptrace.SpanKindProducer)
	span.SetSpanID(pcommon.SpanID{1})
	span.Attributes().PutStr("messaging.operation.type", "send")
	span.Attributes().PutStr("messaging.message.conversation_id", "page-"+strconv.Itoa(i))
}

// processed is that it was consumed after all.
func processed(traces ptrace.Traces, i int) {
	span := orderSpan(traces, pagesTrace(i), "worker", "worker-1", "1.0")
	span.SetKind(ptrace.SpanKindConsumer)
	span.SetSpanID(pcommon.SpanID{2})
	span.SetParentSpanID(pcommon.SpanID{1})
	span.Attributes().PutStr("messaging.operation.type", "process")
	span.Attributes().PutStr("messaging.consumer.group.name", "workers")
}
