package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// The statuses of a page.
const (
	statusFiring   = "firing"
	statusResolved = "resolved"
)

// Pager is the receiver of Alertmanager's notifications; it counts them. The zero value has received none.
type Pager struct {
	mu     sync.Mutex
	pages  map[page]int
	broken error
}

// page is what is not to be told twice.
type page struct {
	group  Group
	status string
}

// ServeHTTP takes a notification.
func (p *Pager) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var body struct {
		Alerts []struct {
			Status string            `json:"status"`
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	err := json.NewDecoder(request.Body).Decode(&body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.broken = errors.Join(p.broken, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if p.pages == nil {
		p.pages = map[page]int{}
	}
	for i := range body.Alerts {
		l := body.Alerts[i].Labels
		p.pages[page{Group{l["kind"], l["reason"], l["operation"], l["destination"], l["consumer_group"]}, body.Alerts[i].Status}]++
	}
}

// Check compares the pages with what happened: each group must have been told exactly once that it is in trouble, and once that
// it is over if it is. What an operation that is excused would have changed may be missing, but nothing may have been told twice.
func (p *Pager) Check(groups map[Group]*Pages, excused Excuses) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := []error{p.broken}
	left := maps.Clone(p.pages)
	for g, pages := range groups {
		resolved := 0
		if pages.Resolved {
			resolved = 1
		}
		for status, want := range map[string]int{statusFiring: 1, statusResolved: resolved} {
			got := left[page{g, status}]
			delete(left, page{g, status})
			// What was lost may be what would have ended the trouble of an operation that was in none.
			missed := got < want && (excuses(pages, excused) || status == statusResolved && excused.Len() > 0)
			if got != want && !missed {
				errs = append(errs, fmt.Errorf("%d pages that %s is %s, not %d", got, g, status, want))
			}
		}
	}
	for unexpected, n := range left {
		if excused.Len() == 0 || n > 1 {
			errs = append(errs, fmt.Errorf("%d pages that %s is %s, which it never was", n, unexpected.group, unexpected.status))
		}
	}
	return errors.Join(errs...)
}

// excuses reports whether one of the operations is excused.
func excuses(pages *Pages, excused Excuses) bool {
	return slices.ContainsFunc(pages.Operations, excused.Has)
}

// Count is the number of pages received.
func (p *Pager) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, count := range p.pages {
		n += count
	}
	return n
}
