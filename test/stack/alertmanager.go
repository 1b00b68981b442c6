package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// alertmanagerImage is the release that internal/tools/alertmanager/go.mod builds.
const alertmanagerImage = "quay.io/prometheus/alertmanager:v0.27.0"

// AlertmanagerSettings chooses port and receiver. The zero value notifies nobody and listens on a free port.
type AlertmanagerSettings struct {
	// Port serves the API and the user interface; 0 is a free port.
	Port int
	// WebhookURL receives every notification, resolved ones too, within about a second. Empty: nobody is notified.
	WebhookURL string
}

// Alertmanager is a running Alertmanager.
type Alertmanager struct {
	*Process
	// URL is the base of the API, without a final slash.
	URL string
	// Settings are those it was started with, the port filled in: starting with them again restores it where it was.
	Settings AlertmanagerSettings
}

// StartAlertmanager starts Alertmanager and returns once it accepts alerts.
func (s *Stack) StartAlertmanager(ctx context.Context, set AlertmanagerSettings) (*Alertmanager, error) {
	if err := fill(&set.Port); err != nil {
		return nil, fmt.Errorf("alertmanager: %w", err)
	}
	alertmanager := &Alertmanager{URL: "http://" + address(set.Port), Settings: set}

	cmd, err := s.alertmanagerCommand(set)
	if err != nil {
		return nil, err
	}
	alertmanager.Process, err = s.launch(ctx, "alertmanager", cmd, answers(alertmanager.URL+"/-/ready"))
	if err != nil {
		return nil, err
	}
	return alertmanager, nil
}

func (s *Stack) alertmanagerCommand(set AlertmanagerSettings) (*exec.Cmd, error) {
	if s.settings.ContainerEngine != "" {
		if set.WebhookURL != "" {
			return nil, fmt.Errorf("alertmanager with a webhook runs from its binary only, not from %s", alertmanagerImage)
		}
		return s.container("alertmanager", image{name: alertmanagerImage, ports: []mapping{{set.Port, 9093}}}), nil
	}
	configPath := filepath.Join(s.settings.WorkDir, "alertmanager.yaml")
	if err := os.WriteFile(configPath, []byte(alertmanagerConfig(set.WebhookURL)), 0o600); err != nil {
		return nil, fmt.Errorf("alertmanager configuration: %w", err)
	}
	return s.command("alertmanager",
		"--config.file", configPath,
		"--storage.path", filepath.Join(s.settings.WorkDir, "alertmanager-data"),
		// Whom it notified is written down each second, so that it knows after it was killed.
		"--data.maintenance-interval", "1s",
		"--web.listen-address", address(set.Port),
		"--cluster.listen-address", ""), nil
}

// alertmanagerConfig groups nothing and waits for nothing: what is posted is notified, one alert at a time.
func alertmanagerConfig(webhookURL string) string {
	const route = "route:\n  receiver: everything\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 1s\n" +
		"  repeat_interval: 24h\nreceivers:\n  - name: everything\n"
	if webhookURL == "" {
		return route
	}
	return route + "    webhook_configs:\n      - url: " + strconv.Quote(webhookURL) + "\n        send_resolved: true\n"
}
