//go:build e2e

package chaos

import "testing"

// TestUndisturbed is the control: with nothing taken away everything is as it was.
func TestUndisturbed(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	truths := s.traffic(t)
	s.check(t, truths(), Excuses{})
}
