package stack

import (
	"fmt"
	"os"
	"os/exec"
)

// mapping publishes a port of a container on the loopback interface.
type mapping struct {
	local     int
	container int
}

// container returns the command that runs an image in the foreground; the engine passes SIGTERM on and removes the
// container when it has ended. The process ID in the name keeps two stacks of one machine apart.
func (s *Stack) container(name, image string, ports []mapping) *exec.Cmd {
	args := []string{"run", "--rm", "--name", fmt.Sprintf("throughline-%s-%d", name, os.Getpid())}
	// Jaeger would trace the requests it serves, into its own store.
	args = append(args, "--env", "OTEL_TRACES_SAMPLER=always_off")
	for _, port := range ports {
		args = append(args, "--publish", fmt.Sprintf("127.0.0.1:%d:%d", port.local, port.container))
	}
	return exec.Command(s.settings.ContainerEngine, append(args, image)...)
}

// FindContainerEngine returns the first container engine that works here, or "" when there is none.
func FindContainerEngine() string {
	for _, engine := range []string{"docker", "podman"} {
		if exec.Command(engine, "info").Run() == nil {
			return engine
		}
	}
	return ""
}
