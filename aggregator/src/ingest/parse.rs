//! From the wire to what the log holds: each alert is read, routed and fingerprinted once, here.

use prost::Message as _;
use tiercel_detection::Alert;
use tiercel_detection::event::Text;
use tiercel_proto::envelope::{Generation, Lane, Sequence, SpoolId};
use tiercel_proto::error::{ErrorCode, WireError};
use tiercel_proto::v1;

use crate::triage::{Batch, Item, Origin, Route, Severity, StoredAlert};

/// Largest alert. The agent cuts its fields long before; what is larger is a defect or an attack.
const ALERT_BYTES_MAX: usize = 256 << 10;

/// Most items of one batch.
const ITEMS_MAX: usize = 20_000;

/// Most alerts that one item may stand for; a number beyond it is no count of anything.
const SKIP_MAX: u64 = 1 << 40;

/// Largest first sequence: with every item a skip of the largest size, sums still do not overflow.
const SEQUENCE_MAX: u64 = 1 << 62;

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

    /// Makes a batch of an alert that came without a number.
    pub fn direct(&self, alert: Alert) -> Batch {
        let body = v1::Alert::from(&alert).encode_to_vec();
        Batch { origin: Origin::Direct, items: vec![self.stored(alert, body)] }
    }

    fn item(&self, item: v1::Item) -> Item {
        match item.kind {
            Some(v1::item::Kind::Alert(message)) => {
                let body = message.encode_to_vec();
                match Alert::try_from(message) {
                    Ok(alert) => self.stored(alert, body),
                    Err(error) => Item::Invalid { reason: error.to_string().into() },
                }
            }
            Some(v1::item::Kind::Skip(skip)) if (1..=SKIP_MAX).contains(&skip.count) => {
                Item::Skip { count: skip.count, reason: skip.reason.into() }
            }
            Some(v1::item::Kind::Skip(skip)) => {
                Item::Invalid { reason: format!("skip of {} alerts", skip.count).into() }
            }
            None => Item::Invalid { reason: "item is neither alert nor skip".into() },
        }
    }

    fn stored(&self, alert: Alert, body: Vec<u8>) -> Item {
        if body.len() > ALERT_BYTES_MAX {
            return Item::Invalid { reason: format!("alert has {} bytes", body.len()).into() };
        }
        Item::Alert(StoredAlert {
            fingerprint: alert.fingerprint().0,
            receivers: self.route.receivers(&alert).into(),
            severity: Severity(alert.priority),
            rule: alert.rule,
            hostname: alert.hostname,
            body: body.into(),
        })
    }
}

fn refused(reason: String) -> WireError {
    WireError::new(ErrorCode::InvalidRequest, format!("failed to read batch: {reason}"))
}
