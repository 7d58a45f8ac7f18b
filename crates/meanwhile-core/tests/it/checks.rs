//! Checks of values: where they reach, what they say, and what a call does about them.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Wrapping};
use std::ops::{Bound, Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use meanwhile_core::{Checked, Checks, ErrorKind, Extract, Json, OutputFormat, Scripted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{model, wait};

/// A number that is not allowed to be odd.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
struct Even(u8);

/// A key without a text of its own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Category {
    Novel,
}

impl Checked for Even {
    fn check(&self, checks: &mut Checks) {
        if !self.0.is_multiple_of(2) {
            checks.fail(format_args!("{} is odd.", self.0));
        }
    }
}

fn check<T: Checked + ?Sized>(value: &T, expected: &str) {
    let checks = Checks::of(value);
    assert_eq!(checks.to_string(), expected);
    assert_eq!(checks.failed() == 0, expected.is_empty());
}

#[test]
fn checks_reach_into_everything_that_holds_values() {
    check(&Even(2), "");
    check(&Even(3), "3 is odd");
    check(&Some(Even(3)), "3 is odd");
    check(&None::<Even>, "");
    check(&Box::new(Arc::new(Even(3))), "3 is odd");
    check(&Cow::Borrowed("text"), "");
    check(&vec![Even(2), Even(3), Even(5)], "`/1`: 3 is odd; `/2`: 5 is odd");
    check(&[[Even(2)], [Even(3)]], "`/1/0`: 3 is odd");
    check(&(1, Even(3)), "`/1`: 3 is odd");
    let map = BTreeMap::from([("a/b~c".to_owned(), Even(3)), ("d".to_owned(), Even(2))]);
    check(&map, "`/a~1b~0c`: 3 is odd");
    check(&HashMap::from([(7, vec![Even(3)])]), "`/7/0`: 3 is odd");
    check(&HashMap::from([("a", Even(3))]), "`/a`: 3 is odd");
    check(&BTreeMap::from([(Cow::Borrowed("~~/"), Even(3))]), "`/~0~0~1`: 3 is odd");
    // Nobody knows what its key is called in the answer, but it is looked into.
    check(&HashMap::from([(Category::Novel, Even(3))]), "`/*`: 3 is odd");
    check(&BTreeMap::from([(Category::Novel, [Even(3)])]), "`/*/0`: 3 is odd");

    check(&VecDeque::from([Even(3)]), "`/0`: 3 is odd");
    check(&LinkedList::from([Even(2), Even(3)]), "`/1`: 3 is odd");
    // Their order is not that of the answer.
    check(&BinaryHeap::from([Even(4), Even(9), Even(2)]), "`/*`: 9 is odd");
    check(&BTreeSet::from([Even(9), Even(2), Even(4)]), "`/*`: 9 is odd");
    check(&HashSet::from([Even(2), Even(9), Even(4)]), "`/*`: 9 is odd");
    check(&BTreeSet::from([[Even(2), Even(3)]]), "`/*/1`: 3 is odd");
    check(&(Even(3),), "`/0`: 3 is odd");
    let of_five = (0, 1, 2, 3, Even(3));
    check(&of_five, "`/4`: 3 is odd");
    let most = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, Even(3));
    check(&most, "`/15`: 3 is odd");

    check(&Reverse(Even(3)), "3 is odd");
    check(&Wrapping(Even(3)), "3 is odd");
    check(&Cell::new(Even(3)), "3 is odd");
    let cell = RefCell::new(Even(3));
    check(&cell, "3 is odd");
    let changing = cell.borrow_mut();
    check(&cell, "it is being changed, and cannot be checked");
    drop(changing);
    check(&Mutex::new(Even(3)), "3 is odd");
    check(&RwLock::new(Even(3)), "3 is odd");

    // Where serde has them.
    check(&Ok::<Even, Even>(Even(3)), "`/Ok`: 3 is odd");
    check(&Err::<Even, Even>(Even(3)), "`/Err`: 3 is odd");
    check(&Bound::Excluded(Even(3)), "`/Excluded`: 3 is odd");
    check(&Bound::<Even>::Unbounded, "");
    check(&(Even(3)..Even(2)), "`/start`: 3 is odd");
    check(&(Even(2)..=Even(3)), "`/end`: 3 is odd");
}

#[test]
fn types_of_the_standard_library_are_outputs() {
    fn holds<T: serde::de::DeserializeOwned + JsonSchema + Checked + Send + 'static>() {
        assert!(matches!(<Vec<T>>::output(), OutputFormat::Schema(_)));
        assert!(matches!(<Option<T>>::output(), OutputFormat::Schema(_)));
    }
    holds::<NonZero<u8>>();
    holds::<NonZero<i128>>();
    holds::<(IpAddr, Ipv4Addr, Ipv6Addr)>();
    holds::<(SocketAddr, SocketAddrV4, SocketAddrV6)>();
    holds::<(PathBuf, Box<Path>, OsString, CString)>();
    holds::<(Duration, SystemTime)>();
    holds::<(AtomicBool, AtomicI64, AtomicUsize)>();
    holds::<(Range<u8>, RangeInclusive<u8>, Bound<u8>)>();
    holds::<(Wrapping<u8>, Reverse<u8>, Cell<u8>, RefCell<u8>, Mutex<u8>, RwLock<u8>)>();
    holds::<Result<u8, String>>();
    holds::<(LinkedList<u8>, BinaryHeap<u8>, serde_json::Map<String, serde_json::Value>)>();
    holds::<(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8)>();

    let scripted = Scripted::new().reply(r#"["10.0.0.1", "::1"]"#);
    let found: Vec<IpAddr> = wait(model(&scripted).call("go")).unwrap();
    assert_eq!(found, [IpAddr::from([10, 0, 0, 1]), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
}

#[test]
fn many_failures_are_counted_and_not_all_listed() {
    let odd = vec![Even(1); 1_000];
    let checks = Checks::of(&odd);
    assert_eq!(checks.failed(), 1_000);
    let said = checks.to_string();
    assert!(said.contains("`/9`: 1 is odd") && !said.contains("`/10`"), "{said}");
    assert!(said.ends_with("; and 990 more"), "{said}");
}

#[test]
fn an_answer_against_its_checks_is_a_wrong_answer() {
    let scripted = Scripted::new().reply("[2, 3]");
    let error = wait(model(&scripted).call::<Vec<Even>>("go")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert_eq!(error.message(), "the answer does not pass its checks: `/1`: 3 is odd");
    assert_eq!(error.partial().unwrap().text(), "[2, 3]");

    // It is sent back with what is wrong with it.
    let scripted = Scripted::new().reply("[2, 3]").reply("[2, 4]");
    let call = model(&scripted).call::<Vec<Even>>("go").attempts(2);
    assert_eq!(wait(call).unwrap(), [Even(2), Even(4)]);
    let again = &scripted.requests()[1].messages;
    assert_eq!(again[1].text(), "[2, 3]");
    let told = "Your answer could not be used: the answer does not pass its checks: `/1`: 3 is odd. Give \
                the whole answer again, corrected.";
    assert_eq!(again[2].text(), told);

    // Not more often than may be.
    let scripted = Scripted::new().reply("1").reply("3").reply("2");
    let call = model(&scripted).call::<Option<Even>>("go").attempts(2);
    assert_eq!(wait(call).unwrap_err().partial().unwrap().text(), "3");
    assert_eq!(scripted.requests().len(), 2);

    // A streamed value is checked at its end.
    let scripted = Scripted::new().reply("[3]");
    let stream = wait(model(&scripted).call::<Vec<Even>>("go").stream()).unwrap();
    assert_eq!(wait(stream.finish()).unwrap_err().kind(), ErrorKind::Output);
}

#[test]
fn json_reads_without_checks() {
    let scripted = Scripted::new().reply("3");
    assert_eq!(wait(model(&scripted).call::<Json<Even>>("go")).unwrap().0, Even(3));
}
