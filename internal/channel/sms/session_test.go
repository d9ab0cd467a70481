package sms

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// smscEnd is the far end of a session, driven by a test PDU by PDU. That it
// shares our codec is made good by TestPDUVectors and the peer tests.
type smscEnd struct {
	t    *testing.T
	conn net.Conn
	got  chan pdu
}

func newSMSCEnd(t *testing.T, conn net.Conn) *smscEnd {
	t.Helper()
	e := &smscEnd{t: t, conn: conn, got: make(chan pdu, 1000)}
	go func() {
		defer close(e.got)
		r := bufio.NewReader(conn)
		for {
			b, err := readFrame(r)
			if err != nil {
				return
			}
			p, err := decodePDU(b)
			if err != nil {
				t.Errorf("the session wrote a broken PDU: %v", err)
				return
			}
			e.got <- p
		}
	}()
	return e
}

// next returns the next PDU, which must be a want.
func (e *smscEnd) next(want commandID) pdu {
	e.t.Helper()
	p, ok := <-e.got
	if !ok {
		e.t.Fatalf("connection closed, want command 0x%x", uint32(want))
	}
	if p.body.command() != want {
		e.t.Fatalf("got command 0x%x, want 0x%x", uint32(p.body.command()), uint32(want))
	}
	return p
}

func (e *smscEnd) send(p pdu) {
	e.t.Helper()
	b, err := p.encode()
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.conn.Write(b); err != nil {
		e.t.Fatal(err)
	}
}

func (e *smscEnd) answerSubmit(request pdu, status commandStatus, id string) {
	e.t.Helper()
	e.send(pdu{status: status, sequence: request.sequence, body: &messageIDBody{id: submitSM.response(), messageID: id}})
}

// testTime is any time.
var testTime = time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC)

func testSessionConfig() sessionConfig {
	return sessionConfig{
		bind:   bindBody{id: bindTransceiver, systemID: "user", password: "pass", interfaceVersion: 0x34},
		window: 10, responseTimeout: 10 * time.Second, enquireEvery: 30 * time.Second,
		deliver: func(_ *messageBody, answer answerFunc) { go answer(nil) },
		log:     slog.New(slog.DiscardHandler),
	}
}

// bindTest returns a bound session and its far end. Must run in a bubble.
func bindTest(t *testing.T, cfg sessionConfig) (*session, *smscEnd) {
	t.Helper()
	ours, theirs := net.Pipe()
	e := newSMSCEnd(t, theirs)
	bound := make(chan struct{})
	go func() {
		defer close(bound)
		p := e.next(cfg.bind.id)
		e.send(pdu{sequence: p.sequence, body: &bindRespBody{id: cfg.bind.id.response(), systemID: "SMSC"}})
	}()
	s, err := startSession(t.Context(), ours, cfg)
	if err != nil {
		t.Fatal(err)
	}
	<-bound
	t.Cleanup(func() {
		s.lose(errClosed)
		s.loops.Wait()
	})
	return s, e
}

type submitResult struct {
	id  string
	err error
}

func submitAsync(ctx context.Context, s *session, text string) <-chan submitResult {
	done := make(chan submitResult, 1)
	go func() {
		id, err := s.submit(ctx, &messageBody{id: submitSM, shortMessage: []byte(text)})
		done <- submitResult{id, err}
	}()
	return done
}

func TestBindRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		e := newSMSCEnd(t, theirs)
		go func() {
			p := e.next(bindTransceiver)
			want := testSessionConfig().bind
			if diff := cmp.Diff(&want, p.body, cmpPDU); diff != "" {
				t.Errorf("bind (-want +got):\n%s", diff)
			}
			e.send(pdu{status: statusInvPaswd, sequence: p.sequence, body: &bindRespBody{id: bindTransceiver.response()}})
		}()
		_, err := startSession(t.Context(), ours, testSessionConfig())
		refused, ok := errors.AsType[*statusError](err)
		if !ok || !refused.status.refusesBind() {
			t.Errorf("error %v, want a refused bind", err)
		}
	})
}

func TestSubmitWindowAndOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := testSessionConfig()
		cfg.window = 2
		s, e := bindTest(t, cfg)
		a := submitAsync(t.Context(), s, "a")
		first := e.next(submitSM)
		b := submitAsync(t.Context(), s, "b")
		second := e.next(submitSM)
		c := submitAsync(t.Context(), s, "c")
		synctest.Wait()
		if n := len(e.got); n != 0 {
			t.Fatalf("%d submits beyond the window", n)
		}
		e.answerSubmit(second, statusOK, "2") // answers may change order
		if r := <-b; r.id != "2" || r.err != nil {
			t.Errorf("b: %+v", r)
		}
		third := e.next(submitSM)
		e.answerSubmit(first, statusOK, "1")
		e.send(pdu{status: statusSysErr, sequence: third.sequence, body: &bareBody{id: genericNack}})
		if r := <-a; r.id != "1" || r.err != nil {
			t.Errorf("a: %+v", r)
		}
		if r := <-c; !isStatus(r.err, statusSysErr) {
			t.Errorf("c: %+v, want ESME_RSYSERR", r)
		}
	})
}

func isStatus(err error, status commandStatus) bool {
	e, ok := errors.AsType[*statusError](err)
	return ok && e.status == status
}

func TestSubmitOutcomes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		far  func(*smscEnd, pdu, context.CancelFunc)
		want error
	}{
		"no answer in time": {func(*smscEnd, pdu, context.CancelFunc) {}, errUnknownOutcome},
		"link lost":         {func(e *smscEnd, _ pdu, _ context.CancelFunc) { e.conn.Close() }, errUnknownOutcome},
		"caller gave up":    {func(_ *smscEnd, _ pdu, cancel context.CancelFunc) { cancel() }, errUnknownOutcome},
		"unbound": {func(e *smscEnd, _ pdu, _ context.CancelFunc) {
			e.send(pdu{sequence: 9, body: &bareBody{id: unbind}})
			e.next(unbind.response())
		}, errUnknownOutcome},
		"garbage": {func(e *smscEnd, _ pdu, _ context.CancelFunc) {
			_, _ = e.conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		}, errUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, e := bindTest(t, testSessionConfig())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := submitAsync(ctx, s, "x")
				tt.far(e, e.next(submitSM), cancel)
				if r := <-done; !errors.Is(r.err, tt.want) || errors.Is(r.err, errNotSent) {
					t.Errorf("error %v, want %v", r.err, tt.want)
				}
			})
		})
	}
}

func TestSubmitNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, e := bindTest(t, testSessionConfig())
		e.conn.Close()
		<-s.lost
		if r := <-submitAsync(t.Context(), s, "x"); !errors.Is(r.err, errNotSent) {
			t.Errorf("on a lost session: %v, want errNotSent", r.err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		cfg := testSessionConfig()
		cfg.window = 1
		s, e := bindTest(t, cfg)
		blocked := submitAsync(t.Context(), s, "a")
		p := e.next(submitSM)
		ctx, cancel := context.WithCancel(t.Context())
		waiting := submitAsync(ctx, s, "b")
		synctest.Wait()
		cancel()
		if r := <-waiting; !errors.Is(r.err, errNotSent) {
			t.Errorf("cancelled while waiting for the window: %v, want errNotSent", r.err)
		}
		e.answerSubmit(p, statusOK, "1")
		<-blocked
	})
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		r := bufio.NewReader(theirs)
		go func() { // reads the bind and then nothing more
			b, err := readFrame(r)
			if err != nil {
				return
			}
			p, _ := decodePDU(b)
			resp, _ := pdu{sequence: p.sequence, body: &bindRespBody{id: bindTransceiver.response()}}.encode()
			_, _ = theirs.Write(resp)
		}()
		s, err := startSession(t.Context(), ours, testSessionConfig())
		if err != nil {
			t.Fatal(err)
		}
		if r := <-submitAsync(t.Context(), s, "x"); !errors.Is(r.err, errNotSent) || !errors.Is(r.err, errStalled) {
			t.Errorf("to a peer that does not read: %v, want errNotSent and errStalled", r.err)
		}
		s.loops.Wait()
	})
}

func TestEnquireLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, e := bindTest(t, testSessionConfig())
		start := time.Now()
		p := e.next(enquireLink)
		e.send(pdu{sequence: p.sequence, body: &bareBody{id: enquireLink.response()}})
		e.next(enquireLink)
		e.next(enquireLink)
		<-s.lost
		if !errors.Is(s.lossErr, errSilent) {
			t.Errorf("lost for %v, want %v", s.lossErr, errSilent)
		}
		// The bind answer and the first answer each spare one period.
		if got, want := time.Since(start), 6*30*time.Second; got != want {
			t.Errorf("dropped after %v, want %v", got, want)
		}
	})
}

func TestAnswersRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := testSessionConfig()
		results := map[string]error{"good": nil, "bad": errors.New("disk full")}
		cfg.deliver = func(m *messageBody, answer answerFunc) {
			go answer(results[string(m.data())])
		}
		s, e := bindTest(t, cfg)
		expect := func(want pdu) {
			t.Helper()
			if diff := cmp.Diff(want, e.next(want.body.command()), cmpPDU); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		}
		e.send(pdu{sequence: 7, body: &bareBody{id: enquireLink}})
		expect(pdu{sequence: 7, body: &bareBody{id: enquireLink.response()}})
		e.send(pdu{sequence: 8, body: &messageBody{id: deliverSM, shortMessage: []byte("good")}})
		expect(pdu{sequence: 8, body: &messageIDBody{id: deliverSM.response()}})
		e.send(pdu{sequence: 9, body: &messageBody{id: deliverSM, shortMessage: []byte("bad")}})
		expect(pdu{status: statusTempAppErr, sequence: 9, body: &messageIDBody{id: deliverSM.response()}})
		e.send(pdu{sequence: 10, body: &dataBody{optional: tlvs{{tagMessagePayload, []byte("good")}}}})
		expect(pdu{sequence: 10, body: &messageIDBody{id: dataSM.response()}})
		e.send(pdu{sequence: 11, body: &bareBody{id: 0x999}})
		expect(pdu{status: statusInvCmdID, sequence: 11, body: &bareBody{id: genericNack}})
		e.send(pdu{sequence: 12, body: &queryBody{messageID: "1"}})
		expect(pdu{status: statusInvCmdID, sequence: 12, body: &bareBody{id: genericNack}})
		e.send(pdu{sequence: 13, body: &bareBody{id: deliverSM}}) // a body is missing
		expect(pdu{status: statusPermAppErr, sequence: 13, body: &messageIDBody{id: deliverSM.response()}})
		e.send(pdu{sequence: 14, body: &alertBody{}})
		e.send(pdu{sequence: 15, body: &bareBody{id: unbind}})
		expect(pdu{sequence: 15, body: &bareBody{id: unbind.response()}})
		<-s.lost
		if !errors.Is(s.lossErr, errUnbound) {
			t.Errorf("lost for %v, want %v", s.lossErr, errUnbound)
		}
	})
}

func TestCloseIsGraceful(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, e := bindTest(t, testSessionConfig())
		done := submitAsync(t.Context(), s, "last")
		p := e.next(submitSM)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			s.close(t.Context())
		}()
		synctest.Wait()
		if r := <-submitAsync(t.Context(), s, "late"); !errors.Is(r.err, errNotSent) {
			t.Errorf("submit while closing: %v, want errNotSent", r.err)
		}
		e.answerSubmit(p, statusOK, "1")
		if r := <-done; r.err != nil {
			t.Errorf("submit under way: %v", r.err)
		}
		p = e.next(unbind)
		e.send(pdu{sequence: p.sequence, body: &bareBody{id: unbind.response()}})
		<-closed
		if _, err := e.conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("connection still open: %v", err)
		}
	})
}

func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := testSessionConfig()
		cfg.perSecond = 10
		s, e := bindTest(t, cfg)
		go func() {
			for p := range e.got {
				if p.body.command() == submitSM {
					e.answerSubmit(p, statusOK, "1")
				}
			}
		}()
		start := time.Now()
		for range 11 {
			if r := <-submitAsync(t.Context(), s, "x"); r.err != nil {
				t.Fatal(r.err)
			}
		}
		if got := time.Since(start); got < time.Second || got > 1100*time.Millisecond {
			t.Errorf("11 submits at 10 a second took %v", got)
		}
	})
	p := newPace(10)
	p.slower()
	if got := p.limiter.Limit(); got != 5 {
		t.Errorf("pace after being throttled is %v, want 5", got)
	}
	for range 30 {
		p.faster()
	}
	if got := p.limiter.Limit(); got != 10 {
		t.Errorf("pace after 30 successes is %v, want 10", got)
	}
}

func TestRelativeTime(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "000000000001000R",
		25*time.Hour + 3*time.Minute + 4*time.Second: "000001010304000R",
		1000 * 24 * time.Hour:                        "000099000000000R",
	} {
		if got := relativeTime(d); got != want {
			t.Errorf("relativeTime(%v) = %s, want %s", d, got, want)
		}
	}
}
