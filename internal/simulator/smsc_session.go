package simulator

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/parley-im/parley/internal/simulator/smswire"
)

// The timers of a session (SMPP 3.4, 7.2).
const (
	smppTick         = 5 * time.Second
	smppBindTimeout  = 10 * time.Second // a connection that does not bind
	smppEnquireAfter = 30 * time.Second // of silence
	smppDeadAfter    = 90 * time.Second
	smppRespTimeout  = 30 * time.Second // for deliver_sm_resp
)

// smppSession is one connection of a customer.
type smppSession struct {
	smsc *smsc
	conn net.Conn
	out  chan []byte
	done chan struct{} // closed when the session ends
	end  sync.Once

	mu    sync.Mutex
	heard time.Time // when the last PDU came

	// Set by the reading goroutine at the bind, under system.mu where others
	// read them.
	system   *smppSystem
	sends    bool // may submit
	receives bool // gets deliver_sm
	ready    bool // the bind was answered

	// Guarded by system.mu.
	seq         uint32
	outstanding map[uint32]*smppDelivery
}

func newSMPPSession(c *smsc, conn net.Conn) *smppSession {
	return &smppSession{
		smsc: c, conn: conn, out: make(chan []byte, 1024), done: make(chan struct{}),
		heard: c.sim.now(), outstanding: map[uint32]*smppDelivery{},
	}
}

// serve runs the session until the connection ends.
func (s *smppSession) serve(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(s.writeOut)
	wg.Go(func() { s.watch(ctx) })
	s.read()
	s.close()
	if s.system != nil {
		s.system.unbind(s)
	}
}

// close ends the session at once.
func (s *smppSession) close() {
	s.end.Do(func() {
		close(s.done)
		_ = s.conn.Close() // reading fails from now on
	})
}

// finish ends the session once everything queued is written.
func (s *smppSession) finish() {
	select {
	case s.out <- nil:
		<-s.done
	case <-s.done:
	}
}

// write queues a PDU. It blocks while the other side does not read.
func (s *smppSession) write(p *smswire.PDU) {
	select {
	case s.out <- p.Encode():
	case <-s.done:
	}
}

// writeOut writes what is queued, several PDUs at a time if they are there. A
// nil one ends the session after what came before it.
func (s *smppSession) writeOut() {
	w := bufio.NewWriter(s.conn)
	for {
		select {
		case b := <-s.out:
			if b == nil {
				_ = w.Flush() // the session ends either way
				s.close()
				return
			}
			_, err := w.Write(b)
			if err == nil && len(s.out) == 0 {
				err = w.Flush()
			}
			if err != nil {
				s.close()
				return
			}
		case <-s.done:
			return
		}
	}
}

// watch keeps the timers of the session.
func (s *smppSession) watch(ctx context.Context) {
	tick := time.NewTicker(smppTick)
	defer tick.Stop()
	for seq := uint32(0x40000000); ; seq++ {
		select {
		case <-ctx.Done():
			s.close()
			return
		case <-s.done:
			return
		case <-tick.C:
		}
		now := s.smsc.sim.now()
		s.mu.Lock()
		silent, system := now.Sub(s.heard), s.system
		s.mu.Unlock()
		switch {
		case system == nil && silent > smppBindTimeout, silent > smppDeadAfter:
			s.close()
		case system != nil && system.stuck(s, now.Add(-smppRespTimeout)):
			s.close()
		case silent > smppEnquireAfter:
			s.write(&smswire.PDU{ID: smswire.EnquireLink, Seq: seq})
		}
	}
}

// read handles PDUs until the connection ends.
func (s *smppSession) read() {
	r := bufio.NewReader(s.conn)
	for {
		p, err := smswire.Read(r)
		var bad *smswire.FormatError
		switch {
		case errors.As(err, &bad) && bad.Status != smswire.StatusInvCmdLen:
			s.reject(bad)
			continue
		case bad != nil:
			s.write(&smswire.PDU{ID: smswire.GenericNack, Status: bad.Status})
			s.finish()
			return
		case err != nil:
			return
		}
		s.mu.Lock()
		s.heard = s.smsc.sim.now()
		s.mu.Unlock()
		if !s.handle(p) {
			return
		}
	}
}

// reject answers a PDU that cannot be read.
func (s *smppSession) reject(e *smswire.FormatError) {
	id := smswire.GenericNack
	if e.ID&smswire.Resp != 0 {
		return // a broken answer is not answered
	}
	switch e.ID {
	case smswire.SubmitSM, smswire.DataSM, smswire.BindReceiver, smswire.BindTransmitter, smswire.BindTransceiver:
		id = e.ID | smswire.Resp
	}
	s.write(&smswire.PDU{ID: id, Status: e.Status, Seq: e.Seq})
}

// handle does what a PDU asks and reports whether the session goes on.
func (s *smppSession) handle(p *smswire.PDU) bool {
	switch p.ID {
	case smswire.BindReceiver, smswire.BindTransmitter, smswire.BindTransceiver:
		return s.bind(p)
	case smswire.EnquireLink:
		s.answer(p, smswire.StatusOK)
	case smswire.Unbind:
		s.answer(p, smswire.StatusOK)
		s.finish()
		return false
	case smswire.SubmitSM, smswire.DataSM:
		return s.submit(p)
	case smswire.DeliverSM | smswire.Resp, smswire.DataSM | smswire.Resp:
		if s.system != nil {
			s.system.answered(s, p.Seq, p.Status)
		}
	case smswire.GenericNack:
		if s.system != nil {
			s.system.answered(s, p.Seq, max(p.Status, smswire.StatusSysErr))
		}
	case smswire.QuerySM:
		const queryFailed = 0x67
		s.answer(p, queryFailed) // messages are not kept to be asked after
	default:
		if p.ID&smswire.Resp == 0 {
			s.write(&smswire.PDU{ID: smswire.GenericNack, Status: smswire.StatusInvCmdID, Seq: p.Seq})
		}
	}
	return true
}

func (s *smppSession) answer(p *smswire.PDU, status uint32) {
	s.write(&smswire.PDU{ID: p.ID | smswire.Resp, Status: status, Seq: p.Seq})
}

// bind checks who is calling. A refused caller may try again.
func (s *smppSession) bind(p *smswire.PDU) bool {
	if s.system != nil {
		s.answer(p, smswire.StatusAlyBnd)
		return true
	}
	y := s.smsc.system(p.Bind.SystemID)
	if y == nil {
		s.answer(p, smswire.StatusInvSysID)
		return true
	}
	s.sends, s.receives = p.ID != smswire.BindReceiver, p.ID != smswire.BindTransmitter
	if status := y.bind(s, p.Bind.Password); status != smswire.StatusOK {
		s.answer(p, status)
		return true
	}
	s.mu.Lock()
	s.system = y
	s.mu.Unlock()
	s.write(&smswire.PDU{
		ID: p.ID | smswire.Resp, Seq: p.Seq, SystemID: "SMSC",
		TLVs: []smswire.TLV{{Tag: smswire.TagInterfaceVersion, Value: []byte{0x34}}},
	})
	y.mu.Lock()
	s.ready = true
	y.mu.Unlock()
	s.smsc.sim.log.Info("SMPP session bound", slog.String("system_id", y.id), slog.Bool("receives", s.receives))
	y.pump()
	return true
}
