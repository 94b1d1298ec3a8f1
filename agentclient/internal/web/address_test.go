package web

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// IANA special-purpose address registries, and the disguises that addresses of IPv4 have in IPv6.
func TestWhatKindOfPlaceAnAddressIs(t *testing.T) {
	for text, want := range map[string]reach{
		"8.8.8.8": public, "1.1.1.1": public, "100.63.255.255": public, "100.128.0.0": public,
		"172.15.255.255": public, "172.32.0.0": public, "192.167.255.255": public,
		"223.255.255.255": public, "2606:4700:4700::1111": public, "2a00:1450::1": public,
		"64:ff9b::808:808": public, "2002:808:808::1": public, "::ffff:8.8.8.8": public,
		"127.0.0.1": loopback, "127.255.255.254": loopback, "::1": loopback,
		"::ffff:127.0.0.1": loopback, "::ffff:7f00:1": loopback, "64:ff9b::7f00:1": loopback,
		"2002:7f00:1::": loopback,
		"10.0.0.1":      private, "172.16.0.1": private, "172.31.255.255": private,
		"192.168.1.1": private, "100.64.0.1": private, "100.127.255.255": private,
		"fc00::1": private, "fd12:3456::1": private, "::ffff:10.0.0.1": private,
		"64:ff9b::a00:1": private, "2002:c0a8:101::1": private,
		"0.0.0.0": special, "0.1.2.3": special, "169.254.169.254": special, "192.0.0.170": special,
		"192.0.2.1": special, "198.18.0.1": special, "198.51.100.1": special,
		"203.0.113.1": special, "224.0.0.1": special, "255.255.255.255": special,
		"240.0.0.1": special, "::": special, "::2": special, "::7f00:1": special,
		"fd00:ec2::254": special, "fe80::1": special, "fe80::1%eth0": special, "fec0::1": special,
		"ff02::1": special, "100::1": special, "2001::1": special, "2001:db8::1": special,
		"2001:2::1": special, "64:ff9b:1::1": special, "3fff::1": special, "5f00::1": special,
		"::ffff:169.254.169.254": special, "64:ff9b::a9fe:a9fe": special,
		"::ffff:0:7f00:1": special,
	} {
		assert.Equal(t, want, reachOf(netip.MustParseAddr(text)), text)
	}
}
