//! A million numbers, printed and read: spelled as prometheus_client spells them for Go's sake, and read back to the bit, both on their
//! own and from the bodies of a worker, which a pool reads in ways of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

#[path = "../benches/support/ours.rs"]
#[allow(dead_code, reason = "benches use the rest of it")]
mod ours;
#[path = "../benches/support/random.rs"]
#[allow(dead_code, reason = "benches use the rest of it")]
mod random;
mod support;

use onescrape::model::{parse_number, push_number};
use ours::{Pool, Round};
use random::Random;
use std::process::Command;

/// Numbers of each kind.
const EACH: u32 = 250_000;
/// Numbers of one body.
const LINES: usize = 5_000;
/// Mistakes shown in full.
const SHOWN: usize = 10;
/// `floatToGoString` leaves negative numbers in Python's spelling, so it is asked for the magnitude and the sign put before it.
const PYTHON: &str = "
import array, math, sys
from prometheus_client.utils import floatToGoString
numbers = array.array('d')
numbers.frombytes(open(sys.argv[1], 'rb').read())
def spelled(n):
    return '-' + floatToGoString(-n) if math.copysign(1, n) < 0 and not math.isinf(n) else floatToGoString(n)
sys.stdout.write(''.join(spelled(n) + '\\n' for n in numbers))
";

#[test]
fn a_million_numbers_are_spelled_and_read_as_elsewhere() {
    let numbers = numbers();
    let spelled = spelled_by_python(&numbers);
    assert_eq!(spelled.lines().count(), numbers.len());
    let mut text = String::new();
    let mut wrong = Vec::new();
    for (number, theirs) in numbers.iter().zip(spelled.lines()) {
        text.clear();
        push_number(&mut text, *number);
        // Python marks a float by `.0` where Go leaves an integer bare.
        if text != theirs.strip_suffix(".0").unwrap_or(theirs) {
            wrong.push(format!("{:#x}: {text} is not {theirs}", number.to_bits()));
        }
        for written in std::iter::once(text.as_str()).chain((text != theirs).then_some(theirs)) {
            if parse_number(written).map(f64::to_bits) != Some(number.to_bits()) {
                wrong.push(format!("{:#x}: {written} reads back as {:?}", number.to_bits(), parse_number(written)));
            }
        }
    }
    none(&wrong);
    for (spelling, text) in [("Python's", spelled), ("ours", ours_of(&numbers))] {
        none(&read_from_bodies(spelling, &numbers, &text.lines().collect::<Vec<_>>()));
    }
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong, such as\n{}", wrong.len(), wrong[..wrong.len().min(SHOWN)].join("\n"));
}

fn ours_of(numbers: &[f64]) -> String {
    let mut text = String::new();
    for number in numbers {
        push_number(&mut text, *number);
        text.push('\n');
    }
    text
}

/// What is wrong where a pool reads them: along the lines it knows, and every other body backwards, so that each line is looked up.
fn read_from_bodies(spelling: &str, numbers: &[f64], texts: &[&str]) -> Vec<String> {
    let mut pool = Pool::new(1);
    let mut wrong = Vec::new();
    for (turn, (numbers, texts)) in numbers.chunks(LINES).zip(texts.chunks(LINES)).enumerate() {
        let mut lines: Vec<String> = texts.iter().enumerate().map(|(i, text)| format!("n{{i=\"{i:05}\"}} {text}\n")).collect();
        if turn % 2 == 1 {
            lines.reverse();
        }
        let body = format!("# HELP n N.\n# TYPE n gauge\n{}", lines.concat());
        assert_eq!(pool.apply(&Round::new([body.into()])), numbers.len());
        let families = pool.families();
        let family = families.iter().find(|family| family.name == "n").expect("no such family");
        assert_eq!(family.samples.len(), numbers.len());
        for ((sample, number), text) in family.samples.iter().zip(numbers).zip(texts) {
            if sample.value.to_bits() != number.to_bits() {
                wrong.push(format!("{:#x}: {text}, spelled as {spelling}, is read as {:?}", number.to_bits(), sample.value));
            }
        }
    }
    wrong
}

fn numbers() -> Vec<f64> {
    let mut random = Random::new(1);
    let mut numbers = edges();
    let mut sign = Random::new(2);
    let mut signed = |n: f64| if sign.below(2) == 0 { n } else { -n };
    for _ in 0..EACH {
        let any = f64::from_bits(random.bits());
        numbers.push(if any.is_nan() { 0.0 } else { any });
        numbers.push(signed(random.of_digits(1..=17)));
        let digits = random.of_digits(1..=15);
        numbers.push(signed(digits / 10_f64.powi(random.below(23) as i32)));
        // A moment in Unix seconds, as `_created` has it.
        numbers.push(1.7e9 + 1e8 * random.share());
    }
    numbers
}

/// Powers of ten and of two, with their neighbours, and whatever else is the last or first of its kind.
fn edges() -> Vec<f64> {
    let tens = (-323..=308).map(|e| format!("1e{e}").parse::<f64>().unwrap());
    let twos = (-1074..=1023).map(|e| 2_f64.powi(e));
    let others = [0.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, 999_999.999_999_999_9, 0.000_1, 0.1 + 0.2];
    let all: Vec<f64> = tens.chain(twos).chain(others).flat_map(|n| [n.next_down(), n, n.next_up()]).collect();
    all.iter().copied().filter(|n| !n.is_nan()).flat_map(|n| [n, -n]).collect()
}

fn spelled_by_python(numbers: &[f64]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), numbers.iter().flat_map(|n| n.to_ne_bytes()).collect::<Vec<u8>>()).unwrap();
    let mut python = Command::new(support::installed("python"));
    let output = python.args(["-c", PYTHON]).arg(file.path()).output().expect("cannot start python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
