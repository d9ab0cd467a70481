// Package kannel holds provider kannel of channel SMS against the real Kannel,
// which reaches the simulated SMS centre over SMPP.
package kannel

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/test/parleytest"
)

func TestMain(m *testing.M) { parleytest.Main(m) }

// patience is how long Kannel may take for anything.
const patience = 30 * time.Second

// What the configuration has where docs/channels/sms.md has placeholders.
const (
	sendsmsUser     = "parley"
	sendsmsPassword = "sendsms-secret"
	callbackSecret  = "callback-secret"
	systemID        = "kannel"
	systemPassword  = "kannelpw"
	sender          = "12025550100"
)

// startKannel runs Kannel with the configuration that the documentation
// recommends, bound to the simulated SMS centre and posting what phones write
// to hook. It returns the address of smsbox. Without Kannel the test is
// skipped, but not where CI promises it.
func startKannel(t *testing.T, sim *parleytest.Simulator, hook string) string {
	t.Helper()
	bearerbox, smsbox := program(t, "bearerbox"), program(t, "smsbox")
	if err := sim.Put(t.Context(), simulator.ProviderSMPP, systemID, simulator.SMPPAccount{
		Password: systemPassword, Number: sender,
	}); err != nil {
		t.Fatal(err)
	}
	admin, sendsms := parleytest.FreeAddress(t), parleytest.FreeAddress(t)
	conf := filepath.Join(t.TempDir(), "kannel.conf")
	if err := os.WriteFile(conf, []byte(configuration(t, sim.SMPP, hook, admin, sendsms)), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, bearerbox, conf)
	status := "http://" + admin + "/status.txt?password=ADMIN_PASSWORD"
	awaitAnswer(t, status, "smsc1", "(online")
	run(t, smsbox, conf)
	awaitAnswer(t, status, "smsbox:")
	awaitAnswer(t, "http://"+sendsms+"/cgi-bin/sendsms", "Authorization failed")
	return "http://" + sendsms
}

// configuration is the documented one with its placeholders filled in.
func configuration(t *testing.T, smsc, hook, admin, sendsms string) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/channels/sms.md")
	if err != nil {
		t.Fatal(err)
	}
	_, conf, _ := strings.Cut(string(doc), "```\ngroup = core\n")
	conf, _, ok := strings.Cut("group = core\n"+conf, "```")
	if !ok {
		t.Fatal("docs/channels/sms.md has no configuration of Kannel")
	}
	smscHost, smscPort := split(t, smsc)
	for placeholder, value := range map[string]string{
		"port = 13000": "port = " + port(t, admin), "port = 13001": "port = " + port(t, parleytest.FreeAddress(t)),
		"port = 13013": "port = " + port(t, sendsms),
		"smsc.example": smscHost, "port = 2775": "port = " + smscPort,
		"http-queue-delay = 10": "http-queue-delay = 1",
		"SYSTEM_ID":             systemID, "SYSTEM_PASSWORD": systemPassword, "SENDSMS_PASSWORD": sendsmsPassword,
		"https://parley.example/channels/sms/APP_ID": hook, "CALLBACK_SECRET": callbackSecret,
	} {
		if strings.Count(conf, placeholder) != 1 {
			t.Fatalf("the documented configuration has not one %q", placeholder)
		}
		conf = strings.Replace(conf, placeholder, value, 1)
	}
	return conf
}

func split(t *testing.T, address string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, port := split(t, address)
	return port
}

// program finds one of Kannel's programs. Debian keeps them where only root
// looks.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	const missing = "Kannel is not installed: run make setup"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// run starts a program that ends with the test.
func run(t *testing.T, program, conf string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "-v", "1", conf)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	cmd.Dir = filepath.Dir(conf)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.SysProcAttr = parleytest.DiesWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the test's context has killed it
}

// awaitAnswer waits until a page of Kannel's says all of words.
func awaitAnswer(t *testing.T, url string, words ...string) {
	t.Helper()
	client := http.Client{Timeout: patience}
	parleytest.Eventually(t, patience, func() string {
		answer, err := client.Get(url)
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		raw, err := io.ReadAll(answer.Body)
		if err != nil {
			return err.Error()
		}
		page := string(raw)
		for _, word := range words {
			if !strings.Contains(page, word) {
				return fmt.Sprintf("no %s in %s", word, page)
			}
		}
		return ""
	})
}
