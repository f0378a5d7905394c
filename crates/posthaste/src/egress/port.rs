//! Ports that speak another protocol, where a POST could do harm by being misread.
//!
//! All lie below 32,768, so that no port that a system hands out by itself is among them.

/// The URL standard's bad ports, in order.
const BAD: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
];

/// Databases, queues, orchestrators and remote desktops, in order.
const INFRASTRUCTURE: &[u16] = &[
    445, 873, 1433, 1521, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 4222, 5432, 5672, 5900, 6379,
    6443, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 27017, 27018, 27019,
];

/// Whether a port belongs to another protocol.
pub(super) fn is_bad(port: u16) -> bool {
    BAD.binary_search(&port).is_ok() || INFRASTRUCTURE.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order_and_leave_ephemeral_ports_alone() {
        assert!(BAD.is_sorted() && INFRASTRUCTURE.is_sorted());
        assert!((32_768..=u16::MAX).all(|port| !is_bad(port)));
        for usual in [80, 443, 3000, 8000, 8080, 8400, 8443, 9000] {
            assert!(!is_bad(usual), "{usual}");
        }
    }
}
