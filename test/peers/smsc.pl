#!/usr/bin/perl
# An SMSC made of Net::SMPP, the second independent peer of the SMPP client.
#
# It serves one session on a free port of 127.0.0.1. Each submit_sm is answered
# and followed by its delivery receipt. What happens is written as JSON lines
# to stdout. It ends when the client unbinds or hangs up.
use strict;
use warnings;
use IO::Socket::INET;
use Net::SMPP;

$| = 1;

# IO::Socket says which port was free; Net::SMPP wants to be told one.
my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "probe: $!";
my $port = $probe->sockport;
close $probe;
my $listener = Net::SMPP->new_listen('127.0.0.1', port => $port) or die "listen: $!";
print qq({"event":"listening","port":$port}\n);

my $session = $listener->accept or die "accept: $!";
my $count = 0;
while (my $pdu = $session->read_pdu) {
    if ($pdu->{cmd} == Net::SMPP::CMD_bind_transceiver) {
        printf qq({"event":"bound","kind":"transceiver","system_id":"%s"}\n), $pdu->{system_id};
        $session->bind_transceiver_resp(system_id => 'net-smpp', seq => $pdu->{seq}, status => 0);
    } elsif ($pdu->{cmd} == Net::SMPP::CMD_submit_sm) {
        my $id = 'p' . ++$count;
        printf qq({"event":"submit","dest":[%d,%d,"%s"],"data_coding":%d,"esm_class":%d,"hex":"%s"}\n),
            $pdu->{dest_addr_ton}, $pdu->{dest_addr_npi}, $pdu->{destination_addr},
            $pdu->{data_coding}, $pdu->{esm_class}, unpack('H*', $pdu->{short_message});
        $session->submit_sm_resp(message_id => $id, seq => $pdu->{seq}, status => 0);
        $session->deliver_sm(
            async            => 1,
            source_addr      => $pdu->{destination_addr},
            destination_addr => $pdu->{source_addr},
            esm_class        => 0x04,
            short_message    => "id:$id sub:001 dlvrd:001 submit date:2611220000 done date:2611220001"
                . " stat:DELIVRD err:000 text:",
        );
    } elsif ($pdu->{cmd} == Net::SMPP::CMD_deliver_sm_resp) {
        printf qq({"event":"delivered","status":%d}\n), $pdu->{status};
    } elsif ($pdu->{cmd} == Net::SMPP::CMD_enquire_link) {
        $session->enquire_link_resp(seq => $pdu->{seq}, status => 0);
    } elsif ($pdu->{cmd} == Net::SMPP::CMD_unbind) {
        print qq({"event":"unbound"}\n);
        $session->unbind_resp(seq => $pdu->{seq}, status => 0);
        last;
    }
}
