package stack

import "context"

// StartAsyncgen starts the workload generator against an OTLP/gRPC end point (host:port) with further arguments of its
// command line. It returns at once; Wait tells when the generator is done.
func (s *Stack) StartAsyncgen(ctx context.Context, endpoint string, args ...string) (*Process, error) {
	args = append([]string{"--endpoint", endpoint}, args...)
	return s.launch(ctx, "asyncgen", s.command("asyncgen", args...), always)
}
