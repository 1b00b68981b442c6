package stitch

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

var update = flag.Bool("update", false, "write testdata/*.txt again")

func TestTraceOfEachStory(t *testing.T) {
	declared := record(operation.KindOperationFailed, "order-api", 0, 4, "order.rejected")
	declared.ErrorType, declared.ErrorMessage = "OutOfStock", "no more teapots"
	retry := process(4, 2, "orders", "order-worker", 8, 9)
	for name, tc := range map[string]struct {
		facts []operation.Fact
		now   float64
	}{
		"completed": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04),
			apart(process(3, 0, "orders", "order-worker", 12, 15), 0xb1, 2),
		}, 60},
		"retried": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04),
			failed(process(3, 2, "orders", "order-worker", 2, 3), "Timeout", "no answer\nfrom the bank"), retry,
			exception("order-worker", 3, 2.9, "Timeout", "no answer"), record(operation.KindLog, "order-worker", 4, 8.5, "charged"),
		}, 60},
		"fan-out": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04),
			group(process(3, 2, "orders", "billing", 1, 2), "billing-group"),
			group(process(4, 2, "orders.mail", "mailer", 3, 4), "mail-group"),
			by(send(5, 3, "payments", 1.5, 1.6), "billing"), process(6, 5, "payments", "payer", 2, 2.5),
		}, 60},
		"dead-lettered": {[]operation.Fact{
			send(2, 0, "payments", 0, 0.1),
			failed(process(3, 2, "payments", "payer", 1, 2), "Timeout", "no answer"),
			failed(process(4, 2, "payments", "payer", 3, 4), "Timeout", "no answer"),
			failed(process(5, 2, "payments", "payer", 5, 6), "CardDeclined", "insufficient funds"),
			exception("payer", 5, 5.9, "CardDeclined", "insufficient funds"),
		}, 60},
		"dead-letter-queue": {[]operation.Fact{
			send(2, 0, "payments", 0, 0.1),
			failed(process(3, 2, "payments", "payer", 1, 2), "Timeout", "no answer"),
			process(4, 2, "payments", "payer", 3, 4),
			by(send(5, 4, "payments.dlq", 3.5, 3.6), "payer"),
		}, 60},
		"dead-letter-alone": {[]operation.Fact{request(1, 0, 0.1), by(send(5, 4, "payments.dlq", 3.5, 3.6), "payer")}, 60},
		"failed": {[]operation.Fact{
			send(2, 0, "payments", 0, 0.1), failed(process(3, 2, "payments", "payer", 1, 2), "CardDeclined", "insufficient funds"),
		}, 60},
		"failed-to-send":  {[]operation.Fact{request(1, 0, 0.1), failed(send(2, 1, "orders", 0.02, 0.04), "NetworkError", "")}, 60},
		"declared-failed": {[]operation.Fact{request(1, 0, 0.1), declared}, 60},
		"stuck-waiting":   {[]operation.Fact{request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04)}, 312},
		"stuck-overdue":   {[]operation.Fact{request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04)}, 50},
		"killed": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04), record(operation.KindStarted, "order-worker", 9, 2, "order.started"),
			record(operation.KindLog, "order-worker", 9, 2.5, "reserving stock"),
		}, 400},
		"killed-and-redelivered": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04), record(operation.KindStarted, "order-worker", 9, 2, "order.started"), retry,
		}, 60},
		"killed-and-proven-by-a-later-hop": {[]operation.Fact{
			send(2, 0, "orders", 0, 0.1), by(send(5, 99, "payments", 3, 3.1), "order-worker"), process(6, 5, "payments", "payer", 4, 5),
		}, 60},
		"duplicated": {[]operation.Fact{
			send(2, 0, "orders", 0, 0.1), process(3, 2, "orders", "order-worker", 1, 2), process(4, 2, "orders", "order-worker", 5, 6),
		}, 60},
		"temporary-destination": {[]operation.Fact{
			send(2, 0, "amq.gen-Xa8s", 0, 0.1), process(3, 2, "amq.gen-Xa8s", "order-api", 1, 2),
		}, 60},
		"skewed": {[]operation.Fact{send(2, 0, "orders", 10, 10.1), process(3, 2, "orders", "order-worker", 4, 5)}, 60},
		"send-outlives-request": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.3), process(3, 2, "orders", "order-worker", 0.2, 0.4),
		}, 60},
		"stalled": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04), process(3, 2, "orders", "order-worker", 1, 2),
		}, 62},
		"stuck-missing-group": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04), group(process(3, 2, "orders", "billing", 1, 2), "billing-group"),
			by(send(5, 3, "payments", 1.5, 1.6), "billing"), process(6, 5, "payments", "payer", 2, 2.5),
		}, 122},
		"stuck-after-progress": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04), record(operation.KindStarted, "order-worker", 9, 2, "order.started"),
			progress("order-worker", 9, 100, 0.25), progress("order-worker", 9, 200, 0.755),
		}, 500},
		"cancelled": {[]operation.Fact{
			request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04), record(operation.KindStarted, "order-worker", 9, 2, "order.started"),
			by(send(5, 9, "payments", 2.5, 2.6), "order-worker"), record(operation.KindStarted, "payer", 11, 4, "charge.started"),
			by(send(6, 0, "mails", 3, 3.1), "order-worker"), record(operation.KindOperationCancelled, "order-api", 0, 30, "order.cancelled"),
		}, 60},
		"delayed": {[]operation.Fact{delayed(send(2, 0, "orders", 0, 0.1), 100)}, 170},
		"delayed-and-consumed": {[]operation.Fact{
			delayed(send(2, 0, "orders", 0, 0.1), 100),
			group(process(3, 2, "orders", "billing", 101, 102), "billing-group"), group(process(4, 2, "orders", "mailer", 103, 104), "mail-group"),
		}, 170},
		"overdue-before-due": {[]operation.Fact{delayed(send(2, 0, "orders", 0, 0.1), 100)}, 50},
		"recovered":          {[]operation.Fact{send(2, 0, "orders", 0, 0.1), process(3, 2, "orders", "order-worker", 120, 121)}, 180},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy()
			switch name {
			case "stuck-overdue", "overdue-before-due":
				p.Deadline = operation.Threshold{Limit: 20 * time.Second, Source: operation.SourceRule}
			case "stalled":
				p.Hops = []operation.HopPolicy{operation.HopPolicy{
					Destination: []string{"orders"}, Source: operation.SourceHop, Then: []string{"payments"}, Stalled: new(30 * time.Second),
				}.Compiled()}
			case "stuck-missing-group":
				p.Hops = []operation.HopPolicy{operation.HopPolicy{
					Destination: []string{"orders"}, Source: operation.SourceDestination, Groups: []string{"billing-group", "mail-group"}, Waiting: new(2 * time.Minute),
				}.Compiled()}
			}
			c := changeUnder(&p, tc.facts, tc.now)
			if name == "recovered" {
				// It was in progress, stuck, and for another reason stuck again.
				c.Revision, c.WasStuck = 4, 0b011
			}
			switch name {
			case "stuck-waiting":
				c.Seen = operation.Sighting{Group: "payments", Service: "payer", At: sec(-7200)}
			case "stuck-missing-group":
				c.Seen = operation.Sighting{Group: "mail-group", Service: "mailer", At: sec(62)}
			}
			traces, _ := Trace(c, DefaultSettings())
			got := render(traces)
			file := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}
