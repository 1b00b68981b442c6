package main

import (
	"context"
	"os"
)

// newKeepers returns the collectors that are compared to see what a store costs: with all that is derived, and with the
// correlation processor alone, where it weighs more.
func newKeepers() []*rival {
	var all []*rival
	for _, base := range []struct {
		suffix  string
		config  []byte
		derives bool
	}{{"", configWith, true}, {"_alone", configCorrelation, false}} {
		keeper := func(name, durability string, configs ...[]byte) {
			all = append(all, &rival{
				name: name + base.suffix, configs: configs, durability: durability, compression: "none", senders: storeSenders, derives: base.derives,
			})
		}
		keeper("memory", "", base.config)
		keeper("interval", "interval", base.config, configStore)
		keeper("batch", "batch", base.config, configStore)
	}
	return all
}

// memories are the names of the collectors without a store that others are compared with.
var memories = map[string]string{"interval": "memory", "batch": "memory", "interval_alone": "memory_alone", "batch_alone": "memory_alone"}

// measureStore compares collectors with a store and without, by turns.
func measureStore(ctx context.Context, o options) (figures, error) {
	work, err := os.MkdirTemp("", "store")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	return runRivals(ctx, o, work, newKeepers(), memories)
}
