package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/incident"
)

// hints puts into words what may have caused an incident.
func hints(a map[string]string, h *incident.Hints) {
	traits := make([]string, len(h.Traits))
	for i := range h.Traits {
		traits[i] = h.Traits[i].String()
	}
	put(a, AnnotationCause, strings.Join(traits, "; "))
	if d := &h.Deployment; d.At != 0 {
		a[AnnotationDeployment] = fmt.Sprintf("%s %s since %s (before: %s)", d.Service, d.Version, clock(d.At), d.Previous)
	}
	if s := h.Silent; s.Since != 0 {
		a[AnnotationSilent] = fmt.Sprintf("%s since %s", s.Service, clock(s.Since))
	}
	if c := h.LastConsumer; c.At != 0 {
		who := c.Service
		if c.Group != "" && c.Group != c.Service {
			who = strings.TrimSpace(fmt.Sprintf("%s (consumer group %s)", who, c.Group))
		}
		a[AnnotationConsumer] = fmt.Sprintf("%s at %s", who, clock(c.At))
	}
}

func clock(nanos int64) string { return moment(nanos, 0).Format(time.RFC3339) }
