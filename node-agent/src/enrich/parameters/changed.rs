//! Paths that were changed while a call ran.

use smallvec::smallvec;
use tiercel_detection::event::{Trust, kinds};

use super::{Built, text, unsigned};
use crate::capture::observation::Changed;
use crate::capture::syscall::kind_of;

/// What `evt.asynctype` says of the event.
const NAME: &str = "path_changed";

/// The event of a path that was another one when its call began. Its data name the call and both paths.
pub(in crate::enrich) fn changed(changed: &Changed) -> Built {
    let call = kind_of(changed.syscall).map_or("", |kind| kind.name());
    let pairs = changed.then.iter().zip(&changed.now).filter(|(then, now)| then != now);
    let paths: Vec<String> = pairs.map(|(then, now)| format!("{then} -> {now}")).collect();
    Built {
        kind: kinds::ASYNCEVENT,
        result: Some(changed.result),
        parameters: smallvec![
            unsigned("plugin_id", 0),
            text("name", NAME),
            text("data", format!("{call} {}", paths.join(", "))),
        ],
        fd: None,
        trust: Trust::User,
    }
}
