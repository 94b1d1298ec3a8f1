package web

import (
	"net/netip"
)

// reach is what kind of place an address is.
type reach int

const (
	public   reach = iota
	private        // networks behind a router: RFC 1918, RFC 4193, RFC 6598
	loopback       // this machine
	special        // what no agent has: link-local with its metadata services, multicast, reserved
)

// places are the ranges that are not public (IANA special-purpose registries, RFC 6890), the
// narrower before the wider.
var places = []struct {
	prefix netip.Prefix
	reach  reach
}{
	{netip.MustParsePrefix("0.0.0.0/8"), special},
	{netip.MustParsePrefix("10.0.0.0/8"), private},
	{netip.MustParsePrefix("100.64.0.0/10"), private},
	{netip.MustParsePrefix("127.0.0.0/8"), loopback},
	{netip.MustParsePrefix("169.254.0.0/16"), special},
	{netip.MustParsePrefix("172.16.0.0/12"), private},
	{netip.MustParsePrefix("192.0.0.0/24"), special},
	{netip.MustParsePrefix("192.0.2.0/24"), special},
	{netip.MustParsePrefix("192.88.99.0/24"), special},
	{netip.MustParsePrefix("192.168.0.0/16"), private},
	{netip.MustParsePrefix("198.18.0.0/15"), special},
	{netip.MustParsePrefix("198.51.100.0/24"), special},
	{netip.MustParsePrefix("203.0.113.0/24"), special},
	{netip.MustParsePrefix("224.0.0.0/3"), special},
	{netip.MustParsePrefix("::1/128"), loopback},
	{netip.MustParsePrefix("::/96"), special},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), special},
	{netip.MustParsePrefix("64:ff9b:1::/48"), special},
	{netip.MustParsePrefix("100::/32"), special},
	{netip.MustParsePrefix("2001::/23"), special},
	{netip.MustParsePrefix("2001:db8::/32"), special},
	{netip.MustParsePrefix("3fff::/20"), special},
	{netip.MustParsePrefix("5f00::/16"), special},
	{netip.MustParsePrefix("fd00:ec2::254/128"), special},
	{netip.MustParsePrefix("fd20:ce::254/128"), special},
	{netip.MustParsePrefix("fc00::/7"), private},
	{netip.MustParsePrefix("fe80::/9"), special},
	{netip.MustParsePrefix("ff00::/8"), special},
}

// embedding are the prefixes whose addresses lead to one of IPv4, which begins at a byte.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4, RFC 3056
}

// reachOf tells what kind of place an address is. An address of IPv6 that stands for one of IPv4 is
// what the latter is.
func reachOf(ip netip.Addr) reach {
	ip = ip.Unmap().WithZone("")
	for _, e := range embedding {
		if e.prefix.Contains(ip) {
			b := ip.As16()
			return reachOf(netip.AddrFrom4([4]byte(b[e.at : e.at+4])))
		}
	}
	for _, place := range places {
		if place.prefix.Contains(ip) {
			return place.reach
		}
	}
	return public
}
