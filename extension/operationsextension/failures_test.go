package operationsextension

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// declined is what the span of a consumer tells that failed, and the exception recorded on it.
func declined(span byte, cents int) []operation.Fact {
	failed := processed(span)
	failed.Outcome = operation.OutcomeError
	exception := operation.Fact{
		Kind: operation.KindException, Trace: failed.Trace, Span: failed.Span, At: failed.End, Service: failed.Service, Name: "exception",
		ErrorType: "com.acme.OrderException", ErrorMessage: fmt.Sprintf("charging %d cents failed", cents),
		Detail: fmt.Sprintf("com.acme.OrderException: charging %d cents failed\n\tat com.acme.Orders.charge(Orders.java:%d)\n"+
			"Caused by: java.net.ConnectException: refused by 10.0.0.%d\n\tat java.base/java.net.Socket.connect(Socket.java:1)\n"+
			"\tat com.acme.platform.Http.post(Http.java:7)\n\tat com.acme.Gateway.call(Gateway.java:%d)\n\t... 1 more\n", cents, cents, span, cents),
	}
	return []operation.Fact{failed, exception}
}

// TestFailuresOfOneCauseAreOneIncident: from the facts of failed attempts to the events, with the application's calls configured.
func TestFailuresOfOneCauseAreOneIncident(t *testing.T) {
	for culprit, exclude := range map[string][]string{
		"com.acme.platform.Http.post": nil,
		"com.acme.Gateway.call":       {"com.acme.platform."},
	} {
		t.Run(culprit, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, _ := start(t, func(c *Config) { c.Incidents.InApp.Exclude = exclude })
				s := o.Subscribe()
				defer s.Close()
				for span := byte(1); span <= 5; span++ {
					facts := append(declined(span, 100*int(span)), sent(fmt.Sprint("o-", span), span))
					o.Apply(time.Now(), facts, nil)
				}
				failed := next(t, s)
				for len(failed.Incidents) == 0 {
					failed = next(t, s)
				}
				require.Len(t, failed.Incidents, 1)
				i := failed.Incidents[0].Incident
				require.EqualValues(t, 5, i.Active)
				require.Equal(t, incident.FingerprintFailed, i.Version)
				require.Equal(t, "java.net.ConnectException", i.ErrorType)
				require.Equal(t, culprit, i.Culprit)
				require.Equal(t, "refused by <*>", i.Message)
				require.True(t, strings.HasPrefix(i.Error.Message, "charging "), "the sample is an error as it was")
			})
		})
	}
}
