// gvisor tun|packet DEVICE SECONDS
//
// gVisor's netstack at 10.7.0.2, on the TUN device or on an AF_PACKET socket of the Ethernet device, which exists: the
// services that the other servers of the benchmark have (bench/native/ceiling.c), through gVisor's own net.Conn. Ends
// when it is killed, its parent ends, or the seconds are over.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/tun"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	nic      = 1
	mtu      = 1500
	chunk    = 256 * 1024
	address  = "\x0a\x07\x00\x02"
	echo     = 7
	discard  = 9
	chargen  = 19
	echoStep = 1000
	echoes   = 8
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func mustStack(err tcpip.Error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A TUN device takes no offload from this endpoint, a packet socket does.
func onTun(device string) stack.LinkEndpoint {
	return must(fdbased.New(&fdbased.Options{FDs: []int{must(tun.Open(device))}, MTU: mtu}))
}

func hostOrder(value uint16) uint16 {
	return value<<8 | value>>8
}

// As gVisor's own sandbox has its device: packets of up to 64 KB with a virtio header, their checksums left to the device.
func onPacket(device string) stack.LinkEndpoint {
	card := must(net.InterfaceByName(device))
	s := must(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0))
	for _, option := range []int{unix.PACKET_VNET_HDR, unix.PACKET_IGNORE_OUTGOING} {
		must(0, unix.SetsockoptInt(s, unix.SOL_PACKET, option, 1))
	}
	for _, option := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		must(0, unix.SetsockoptInt(s, unix.SOL_SOCKET, option, 4<<20))
	}
	must(0, unix.Bind(s, &unix.SockaddrLinklayer{Protocol: hostOrder(unix.ETH_P_ALL), Ifindex: card.Index}))
	return must(fdbased.New(&fdbased.Options{
		FDs:                []int{s},
		MTU:                mtu,
		EthernetHeader:     true,
		Address:            tcpip.LinkAddress(card.HardwareAddr),
		GSOMaxSize:         65535,
		PacketDispatchMode: fdbased.RecvMMsg,
		RXChecksumOffload:  true,
	}))
}

func newStack(link stack.LinkEndpoint) *stack.Stack {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	sack, moderate := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	mustStack(s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack))
	mustStack(s.SetTransportProtocolOption(tcp.ProtocolNumber, &moderate))
	mustStack(s.CreateNIC(nic, link))
	mustStack(s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: address, PrefixLen: 24},
	}, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s
}

func answer(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, chunk)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if _, err = c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func swallow(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, chunk)
	for {
		if _, err := c.Read(buffer); err != nil {
			return
		}
	}
}

func generate(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, chunk)
	for {
		if _, err := c.Write(buffer); err != nil {
			return
		}
	}
}

func serve(s *stack.Stack, port uint16, with func(net.Conn)) {
	listener := must(gonet.ListenTCP(s, tcpip.FullAddress{NIC: nic, Addr: address, Port: port}, ipv4.ProtocolNumber))
	go func() {
		for {
			go with(must(listener.Accept()))
		}
	}()
}

func bind(s *stack.Stack, port uint16) net.PacketConn {
	return must(gonet.DialUDP(s, &tcpip.FullAddress{NIC: nic, Addr: address, Port: port}, nil, ipv4.ProtocolNumber))
}

func answerDatagrams(c net.PacketConn) {
	buffer := make([]byte, chunk)
	for {
		n, from, err := c.ReadFrom(buffer)
		if err == nil {
			_, _ = c.WriteTo(buffer[:n], from)
		}
	}
}

// The request says how many datagrams, and of how many bytes each.
func sendDatagrams(c net.PacketConn) {
	request, bytes := make([]byte, 8), make([]byte, mtu)
	for {
		n, from, err := c.ReadFrom(request)
		size := binary.BigEndian.Uint32(request[4:])
		if err != nil || n != len(request) || size > mtu {
			continue
		}
		for left := binary.BigEndian.Uint32(request); left > 0; left-- {
			_, _ = c.WriteTo(bytes[:size], from)
		}
	}
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: gvisor tun|packet DEVICE SECONDS")
	}
	must(0, unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0))
	open := onTun
	if os.Args[1] == "packet" {
		open = onPacket
	}
	s := newStack(open(os.Args[2]))
	for i := uint16(0); i < echoes; i++ {
		serve(s, echo+echoStep*i, answer)
	}
	serve(s, discard, swallow)
	serve(s, chargen, generate)
	go answerDatagrams(bind(s, echo))
	go sendDatagrams(bind(s, chargen))
	fmt.Println(`{"event":"ready"}`)
	time.Sleep(time.Duration(must(strconv.Atoi(os.Args[3]))) * time.Second)
}
