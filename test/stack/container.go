package stack

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
)

// mapping publishes a port of a container on the loopback interface.
type mapping struct {
	local     int
	container int
}

// image is what a container runs and what it is given.
type image struct {
	name  string
	ports []mapping
	// files are made readable at another path in the container, by their paths here.
	files map[string]string
	// env has KEY=value, args follow the image's own entry point.
	env, args []string
}

// container returns the command that runs an image in the foreground; the engine passes SIGTERM on and removes the
// container when it has ended. The process ID in the name keeps two stacks of one machine apart.
func (s *Stack) container(name string, run image) *exec.Cmd {
	args := []string{"run", "--rm", "--name", fmt.Sprintf("throughline-%s-%d", name, os.Getpid())}
	for _, env := range run.env {
		args = append(args, "--env", env)
	}
	for _, local := range slices.Sorted(maps.Keys(run.files)) {
		args = append(args, "--volume", local+":"+run.files[local]+":ro")
	}
	if len(run.files) > 0 {
		// SELinux would hide files from a container that are not labelled as its own.
		args = append(args, "--security-opt", "label=disable")
	}
	for _, port := range run.ports {
		args = append(args, "--publish", fmt.Sprintf("127.0.0.1:%d:%d", port.local, port.container))
	}
	return exec.Command(s.settings.ContainerEngine, append(append(args, run.name), run.args...)...)
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
