//! From the wire to what the log holds: each alert is read, routed and fingerprinted once, here.

use prost::Message as _;
use tiercel_detection::Alert;
use tiercel_detection::event::Text;
use tiercel_proto::convert::ConvertError;
use tiercel_proto::envelope::{Generation, Lane, Sequence, SpoolId};
use tiercel_proto::error::{ErrorCode, WireError};
use tiercel_proto::v1;

use crate::triage::{Batch, DIRECT_SPOOL, Item, Origin, Route, Severity, StoredAlert};

/// Largest alert. The agent cuts its fields long before; what is larger is a defect or an attack.
const ALERT_BYTES_MAX: usize = 256 << 10;

/// Longest rule, hostname or source. They are keys of the replicated state, and stand in the log beside the body.
const NAME_BYTES_MAX: usize = 1 << 10;

/// Longest reason for which an item is no alert; it may quote what the agent sent.
const REASON_BYTES_MAX: usize = 256;

/// Why agents skip. The words become keys of the replicated sums, so no others get in.
const SKIP_REASONS: [&str; 5] = ["over_quota", "disk_failed", "damaged", "oversized", "acknowledged_earlier"];
/// What any other word becomes.
const OTHER_REASON: &str = "other";

/// Most items of one batch.
const ITEMS_MAX: usize = 20_000;

/// Most alerts that one item may stand for; a number beyond it is no count of anything.
const SKIP_MAX: u64 = 1 << 40;

/// Largest first sequence: with every item a skip of the largest size, sums still do not overflow.
const SEQUENCE_MAX: u64 = 1 << 62;

/// Why an alert cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnfitAlert {
    /// A name in it is too long.
    #[error("{name} has {bytes} bytes, expected at most {NAME_BYTES_MAX}")]
    LongName {
        /// Which.
        name: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// Its message is too large.
    #[error("alert has {bytes} bytes, expected at most {ALERT_BYTES_MAX}")]
    TooLarge {
        /// The size of the message.
        bytes: usize,
    },
    /// It could not be read again.
    #[error(transparent)]
    Malformed(#[from] ConvertError),
}

/// Turns messages into batches for the log.
#[derive(Debug, Clone)]
pub struct Parser {
    route: Route,
}

impl Parser {
    /// Makes a parser that routes by that tree.
    pub fn new(route: Route) -> Self {
        Self { route }
    }

    /// Reads a batch of the agent with that certificate name. Items that are no alerts keep their place: they must not
    /// wedge the lane. A batch that does not say where it belongs is refused.
    pub fn batch(&self, node: &Text, message: v1::Batch) -> Result<Batch, WireError> {
        let spool = SpoolId::from_slice(&message.spool_id).map_err(|error| refused(error.to_string()))?;
        if spool == DIRECT_SPOOL {
            return Err(refused(format!("spool id {spool} stands for alerts without a spool")));
        }
        let lane =
            Lane::from_number(message.lane).ok_or_else(|| refused(format!("lane {} is not one", message.lane)))?;
        if !(Sequence::FIRST.0..=SEQUENCE_MAX).contains(&message.first_sequence) {
            return Err(refused(format!("sequence {} is not one", message.first_sequence)));
        }
        if message.items.is_empty() || message.items.len() > ITEMS_MAX {
            return Err(refused(format!("batch has {} items, expected 1 to {ITEMS_MAX}", message.items.len())));
        }
        let origin = Origin::Spool {
            node: node.clone(),
            spool,
            generation: Generation(message.generation),
            lane,
            first: Sequence(message.first_sequence),
        };
        Ok(Batch { origin, items: message.items.into_iter().map(|item| self.item(item)).collect() })
    }

    /// Makes a batch of an alert that came without a number. Its sender waits for an answer, so one that cannot be kept
    /// is refused before anything is counted.
    pub fn direct(&self, alert: &Alert) -> Result<Batch, UnfitAlert> {
        let stored = self.stored(alert.into())?;
        Ok(Batch { origin: Origin::Direct, items: vec![Item::Alert(stored)] })
    }

    fn item(&self, item: v1::Item) -> Item {
        match item.kind {
            Some(v1::item::Kind::Alert(message)) => match self.stored(message) {
                Ok(alert) => Item::Alert(alert),
                Err(error) => invalid(&error.to_string()),
            },
            Some(v1::item::Kind::Skip(skip)) if (1..=SKIP_MAX).contains(&skip.count) => {
                Item::Skip { count: skip.count, reason: skip_reason(&skip.reason).into() }
            }
            Some(v1::item::Kind::Skip(skip)) => invalid(&format!("skip of {} alerts", skip.count)),
            None => invalid("item is neither alert nor skip"),
        }
    }

    fn stored(&self, message: v1::Alert) -> Result<StoredAlert, UnfitAlert> {
        let body = message.encode_to_vec();
        if body.len() > ALERT_BYTES_MAX {
            return Err(UnfitAlert::TooLarge { bytes: body.len() });
        }
        for (name, value) in [("rule", &message.rule), ("hostname", &message.hostname), ("source", &message.source)] {
            if value.len() > NAME_BYTES_MAX {
                return Err(UnfitAlert::LongName { name, bytes: value.len() });
            }
        }
        let alert = Alert::try_from(message)?;
        Ok(StoredAlert {
            fingerprint: alert.fingerprint().0,
            receivers: self.route.receivers(&alert).into(),
            severity: Severity(alert.priority),
            rule: alert.rule,
            hostname: alert.hostname,
            body: body.into(),
        })
    }
}

fn invalid(reason: &str) -> Item {
    Item::Invalid { reason: reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].into() }
}

fn skip_reason(word: &str) -> &'static str {
    SKIP_REASONS.into_iter().find(|known| *known == word).unwrap_or(OTHER_REASON)
}

fn refused(reason: String) -> WireError {
    WireError::new(ErrorCode::InvalidRequest, format!("failed to read batch: {reason}"))
}

#[cfg(test)]
mod tests {
    use tiercel_detection::FieldValue;

    use super::*;
    use crate::testing;

    #[track_caller]
    fn check_unfit(spoil: impl FnOnce(&mut Alert), expected: &str) {
        let parser = Parser::new(Route::root("hook".into(), Vec::new()));
        let mut alert = Alert::from_falco_json(&testing::falco_json(1, "web-1")).unwrap();
        let batch = parser.direct(&alert).unwrap();
        assert!(matches!(&batch.items[..], [Item::Alert(stored)] if stored.decode().unwrap() == alert));
        spoil(&mut alert);
        let reason = parser.direct(&alert).unwrap_err().to_string();
        assert!(reason.contains(expected), "{reason}");
        let Item::Invalid { reason } = parser.item(v1::Item { kind: Some(v1::item::Kind::Alert((&alert).into())) })
        else {
            panic!("an agent's number is taken though its alert cannot be kept")
        };
        assert!(reason.contains(expected), "{reason}");
    }

    #[test]
    fn alert_that_could_not_be_kept_or_read_again_is_unfit() {
        check_unfit(|alert| alert.output = "x".repeat(ALERT_BYTES_MAX).into(), "bytes, expected at most 262144");
        check_unfit(|alert| alert.fields.push(("".into(), FieldValue::Missing)), "a field without a name");
        let nested = (0..9).fold(FieldValue::Missing, |value, _| FieldValue::List(vec![value]));
        check_unfit(|alert| alert.fields.push(("deep".into(), nested)), "nested more than 8 deep");
    }

    #[test]
    fn alert_with_a_name_that_is_too_long_is_unfit() {
        let long = || "x".repeat(NAME_BYTES_MAX + 1).into();
        check_unfit(|alert| alert.rule = long(), "rule has 1025 bytes, expected at most 1024");
        check_unfit(|alert| alert.hostname = long(), "hostname has 1025 bytes, expected at most 1024");
        check_unfit(|alert| alert.source = long(), "source has 1025 bytes, expected at most 1024");
    }

    #[test]
    fn reasons_of_skips_are_known_words() {
        let parser = Parser::new(Route::root("hook".into(), Vec::new()));
        let check = |written: &str, expected: &str| {
            let skip = v1::Skip { count: 3, reason: written.to_owned(), ..v1::Skip::default() };
            let item = parser.item(v1::Item { kind: Some(v1::item::Kind::Skip(skip)) });
            assert_eq!(item, Item::Skip { count: 3, reason: expected.into() });
        };
        check("over_quota", "over_quota");
        check("acknowledged_earlier", "acknowledged_earlier");
        check(&"x".repeat(1 << 20), "other");
    }

    #[test]
    fn reasons_of_invalid_items_are_cut_between_characters() {
        assert_eq!(invalid(&"é".repeat(300)), Item::Invalid { reason: "é".repeat(128).into() });
    }

    #[test]
    fn id_of_alerts_without_spool_is_refused() {
        let parser = Parser::new(Route::root("hook".into(), Vec::new()));
        let parse = |spool: u8| {
            let items =
                vec![v1::Item { kind: Some(v1::item::Kind::Skip(v1::Skip { count: 1, ..v1::Skip::default() })) }];
            let spool_id = vec![spool; 16].into();
            parser.batch(&"web-1".into(), v1::Batch { spool_id, generation: 1, lane: 1, first_sequence: 1, items })
        };
        assert!(parse(1).is_ok());
        let error = parse(0).unwrap_err().to_string();
        assert!(error.contains("stands for alerts without a spool"), "{error}");
    }
}
