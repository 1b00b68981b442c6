package operationsextension

import (
	"time"

	"github.com/throughline/throughline/internal/checkpoint"
	"github.com/throughline/throughline/internal/originals"
)

// tellResources appends what is new of service instances, before the facts that they are of: a derived trace that is told again says the same of
// them as it did the first time.
func (d *durable) tellResources(known []originals.Known) {
	d.writer.Append(checkpoint.KindResources, originals.AppendResources(nil, known))
}

// learnResources takes note of what an earlier run, or another collector, knew of service instances.
func (d *durable) learnResources(data []byte) error {
	known, err := originals.DecodeResources(data)
	if err != nil {
		return err
	}
	d.o.originals.Learn(known, time.Now().UnixNano())
	return nil
}
