package sms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// How a submit can fail, for callers to branch on. A *statusError is the third
// way: the SMSC answered and refused.
var (
	// errNotSent: the SMSC cannot have read the whole PDU, so the same submit
	// may be tried again without a risk of sending it twice.
	errNotSent = errors.New("not sent")
	// errUnknownOutcome: the PDU was written and no answer came. The SMSC may
	// have accepted it.
	errUnknownOutcome = errors.New("outcome unknown")
)

// Why a session ended.
var (
	errClosed   = errors.New("session closed")
	errUnbound  = errors.New("SMSC unbound the session")
	errSilent   = errors.New("SMSC does not answer enquire_link")
	errStalled  = errors.New("SMSC does not read what we write")
	errNoAnswer = errors.New("no response in time")
)

const (
	missesToDrop    = 2  // enquire_links unanswered before the link is dropped
	repliesInFlight = 64 // answers of the reader not yet written
)

// sessionConfig is how a session behaves. Every duration must be positive.
type sessionConfig struct {
	bind            bindBody
	window          int           // unanswered submits at a time
	perSecond       float64       // submits; 0 is no limit
	responseTimeout time.Duration // for each answer of the SMSC
	enquireEvery    time.Duration // silence after which the link is tested

	// deliver is called from the reading goroutine for each deliver_sm and
	// data_sm, so it must not block. Exactly one later call of answer, from
	// any goroutine, answers the SMSC.
	deliver func(m *messageBody, answer answerFunc)
	log     *slog.Logger
}

// An answerFunc answers a deliver_sm: with success on nil, otherwise with
// ESME_RX_T_APPN, on which an SMSC delivers again later. Its error says that
// the SMSC did not get the answer, and will deliver again too.
type answerFunc func(error) error

// A session is one bound SMPP connection.
//
// What happens when the link goes: a submit not wholly written fails with
// errNotSent, one that awaits its answer with errUnknownOutcome, and a
// deliver_sm not answered is delivered again on the SMSC's next session. So
// nothing is lost by a link, and only the unknown ones can be doubled.
type session struct {
	cfg  sessionConfig
	conn net.Conn
	pace *pace

	window  chan struct{} // holds one token for each unanswered submit
	closing chan struct{} // closed when no new submit may start
	replies chan pdu      // the reader's own answers
	writing sync.Mutex
	heard   atomic.Bool // something was read since the last enquire_link tick

	mu       sync.Mutex
	sequence uint32
	pending  map[uint32]chan pdu

	lost     chan struct{} // closed once lossErr is set
	lossOnce sync.Once
	lossErr  error
	loops    sync.WaitGroup
	closer   sync.Once
}

// startSession binds conn, which it owns from then on. A refusal by the SMSC
// is a *statusError.
func startSession(ctx context.Context, conn net.Conn, cfg sessionConfig) (*session, error) {
	s := &session{
		cfg: cfg, conn: conn, pace: newPace(cfg.perSecond),
		window:  make(chan struct{}, max(1, cfg.window)),
		closing: make(chan struct{}),
		replies: make(chan pdu, repliesInFlight),
		pending: make(map[uint32]chan pdu),
		lost:    make(chan struct{}),
	}
	s.loops.Go(s.readLoop)
	s.loops.Go(s.replyLoop)
	bind := cfg.bind
	_, err := s.request(ctx, &bind)
	if err != nil {
		s.lose(err)
		s.loops.Wait()
		return nil, fmt.Errorf("bind: %w", err)
	}
	s.loops.Go(s.enquireLoop)
	return s, nil
}

// submit sends m and returns the SMSC's id for it. It waits for its turn in
// the throughput limit and the window.
func (s *session) submit(ctx context.Context, m *messageBody) (string, error) {
	select {
	case s.window <- struct{}{}:
		defer func() { <-s.window }()
	case <-s.closing:
		return "", fmt.Errorf("%w: %w", errNotSent, errClosed)
	case <-s.lost:
		return "", fmt.Errorf("%w: %w", errNotSent, s.lossErr)
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", errNotSent, ctx.Err())
	}
	if err := s.pace.wait(ctx); err != nil {
		return "", fmt.Errorf("%w: %w", errNotSent, err)
	}
	answer, err := s.request(ctx, m)
	var refused *statusError
	switch {
	case errors.As(err, &refused) && (refused.status == statusThrottled || refused.status == statusMsgQFul):
		s.pace.slower()
	case err == nil:
		s.pace.faster()
	}
	if err != nil {
		return "", err
	}
	if resp, ok := answer.body.(*messageIDBody); ok {
		return resp.messageID, nil
	}
	return "", nil
}

// request writes b and waits for the answer to it.
func (s *session) request(ctx context.Context, b body) (pdu, error) {
	sequence, answer := s.await()
	defer s.forget(sequence)
	if err := s.write(pdu{sequence: sequence, body: b}); err != nil {
		return pdu{}, err
	}
	timeout := time.NewTimer(s.cfg.responseTimeout)
	defer timeout.Stop()
	var cause error
	select {
	case p := <-answer:
		return judge(p)
	case <-timeout.C:
		cause = errNoAnswer
	case <-ctx.Done():
		cause = ctx.Err()
	case <-s.lost:
		cause = s.lossErr
	}
	select { // the answer may have come at the same moment
	case p := <-answer:
		return judge(p)
	default:
		return pdu{}, fmt.Errorf("%w: %w", errUnknownOutcome, cause)
	}
}

func judge(p pdu) (pdu, error) {
	if p.status != statusOK {
		return p, &statusError{status: p.status}
	}
	return p, nil
}

// await reserves a sequence number and the channel its answer comes on.
func (s *session) await() (uint32, chan pdu) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		s.sequence = s.sequence%0x7FFFFFFF + 1
		if _, taken := s.pending[s.sequence]; !taken {
			answer := make(chan pdu, 1)
			s.pending[s.sequence] = answer
			return s.sequence, answer
		}
	}
}

func (s *session) forget(sequence uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, sequence)
}

// write writes p. Unless the error is errUnknownOutcome, the SMSC does not
// have the whole of p. Any error but one of encoding ends the session.
func (s *session) write(p pdu) error {
	b, err := p.encode()
	if err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	stalled := time.AfterFunc(s.cfg.responseTimeout, func() { s.lose(errStalled) })
	n, err := s.conn.Write(b)
	stalled.Stop()
	if err == nil {
		return nil
	}
	s.lose(err)
	if n < len(b) {
		return fmt.Errorf("%w: %w", errNotSent, s.lossErr)
	}
	return fmt.Errorf("%w: %w", errUnknownOutcome, s.lossErr)
}

// lose ends the session; the first reason given is the one it ended for.
func (s *session) lose(err error) {
	s.lossOnce.Do(func() {
		s.lossErr = err
		close(s.lost)
		_ = s.conn.Close() // it is lost either way
	})
}

// enquireLoop tests the link after each period in which nothing was heard.
func (s *session) enquireLoop() {
	tick := time.NewTicker(s.cfg.enquireEvery)
	defer tick.Stop()
	for misses := 0; ; {
		select {
		case <-s.lost:
			return
		case <-tick.C:
		}
		if s.heard.Swap(false) {
			misses = 0
			continue
		}
		if misses == missesToDrop {
			s.lose(errSilent)
			return
		}
		misses++
		sequence, _ := s.await()
		s.forget(sequence) // whatever is heard next counts as the answer
		if err := s.write(pdu{sequence: sequence, body: &bareBody{id: enquireLink}}); err != nil {
			return
		}
	}
}

// close lets the submits under way be answered, unbinds and closes the
// connection. When ctx ends first the rest of that is skipped.
func (s *session) close(ctx context.Context) {
	s.closer.Do(func() {
		close(s.closing)
		for range cap(s.window) {
			select {
			case s.window <- struct{}{}:
			case <-s.lost:
			case <-ctx.Done():
			}
		}
		select {
		case <-s.lost:
		case <-ctx.Done():
		default:
			// An SMSC that does not answer has nothing left to say.
			_, _ = s.request(ctx, &bareBody{id: unbind})
		}
		s.lose(errClosed)
	})
	s.loops.Wait()
}
