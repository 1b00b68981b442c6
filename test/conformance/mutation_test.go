package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/test/replay"
)

const (
	// mutants is how many records of a recording are damaged, each in up to maxFlips bits.
	mutants  = 40
	maxFlips = 4
	// maxTries is how often damage is tried that leaves something that can be decoded at all.
	maxTries = 1000
)

// damaged is what flipped bits made of a request.
type damaged struct {
	traces ptrace.Traces
	logs   plog.Logs
	signal string
	text   string
}

// damage flips bits of a request as it goes over the wire.
func damage(t *testing.T, random *rand.Rand, r *replay.Request) damaged {
	wire := encode(t, r)
	for range maxTries {
		bent := append([]byte(nil), wire...)
		for range 1 + random.IntN(maxFlips) {
			at := random.IntN(len(bent))
			bent[at] ^= 1 << random.IntN(8)
		}
		d := damaged{signal: r.Signal, text: string(bent)}
		var err error
		switch r.Signal {
		case replay.SignalTraces:
			d.traces, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(bent)
		case replay.SignalLogs:
			d.logs, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(bent)
		}
		if err == nil {
			return d
		}
	}
	require.Fail(t, "no damage can be decoded")
	return damaged{}
}

func encode(t *testing.T, r *replay.Request) []byte {
	if r.Signal == replay.SignalTraces {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(r.Body)
		require.NoError(t, err)
		wire, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		return wire
	}
	ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(r.Body)
	require.NoError(t, err)
	wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	return wire
}

// minMark is the length from which a text is a mark: the number of a job or a row is in every record.
const minMark = 6

// marks are the texts that tie a record to an operation: whoever damages a record that holds one may harm that operation.
func marks(o *replay.Operation) []string {
	all := append([]string{o.ID}, o.TraceIDs...)
	for _, value := range o.Keys {
		if text, ok := value.(string); ok {
			all = append(all, text)
		}
	}
	for i := range o.Hops {
		for _, s := range o.Hops[i].Sent {
			all = append(all, s.TraceID, s.MessageID)
		}
		for _, d := range o.Hops[i].Deliveries {
			all = append(all, d.TraceID, d.MessageID)
		}
	}
	return slices.DeleteFunc(all, func(mark string) bool { return len(mark) < minMark })
}

// concerned are the operations that the texts speak of.
func concerned(truth *replay.Truth, texts []string) map[string]bool {
	all := map[string]bool{}
	for i := range truth.Operations {
		o := &truth.Operations[i]
		for _, mark := range marks(o) {
			for _, text := range texts {
				all[o.ID] = all[o.ID] || strings.Contains(text, mark)
			}
		}
	}
	return all
}

// TestDamage: records damaged on their way harm at most the operations that they speak of.
func TestDamage(t *testing.T) {
	for _, name := range recordings(t) {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s-%d", name, seed), func(t *testing.T) {
				r := load(t, name)
				var texts []string
				report := judge(t, r, func(p *pipeline, requests []replay.Request) {
					last := requests[len(requests)-1].At
					requests, err := replay.Split(requests)
					require.NoError(t, err)
					time.Sleep(time.Until(last)) // synctest: fake time
					random := rand.New(rand.NewPCG(seed, seed))
					chosen := map[int]bool{}
					for len(chosen) < mutants {
						chosen[random.IntN(len(requests))] = true
					}
					for i := range requests {
						if !chosen[i] {
							p.send(&requests[i])
							continue
						}
						d := damage(t, random, &requests[i])
						texts = append(texts, string(requests[i].Body), d.text)
						p.take(d)
					}
				})
				harmed := concerned(&r.Truth, texts)
				others := 0
				for i := range r.Truth.Operations {
					if !harmed[r.Truth.Operations[i].ID] {
						others++
					}
				}
				require.Positive(t, others)
				for i := range report.Differences {
					d := &report.Differences[i]
					require.True(t, d.Truth == nil || harmed[d.Truth.ID] || excused(name, d), "%s", report.List())
				}
				t.Logf("%d operations spoken of, %d of them judged otherwise; %d others right", len(r.Truth.Operations)-others, len(report.Differences), others)
			})
		}
	}
}

// take brings damaged telemetry to the processor of its signal, which must not refuse it.
func (p *pipeline) take(d damaged) {
	switch d.signal {
	case replay.SignalTraces:
		require.NoError(p.tb, p.traces.ConsumeTraces(p.tb.Context(), d.traces))
	case replay.SignalLogs:
		require.NoError(p.tb, p.logs.ConsumeLogs(p.tb.Context(), d.logs))
	}
}
