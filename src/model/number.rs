//! Reading and printing of numbers: correctly rounded both ways, in the spelling of Go's `%g`.

/// Reads a decimal number as the exposition formats have it: nearest `f64`; `NaN`, `Inf`, `Infinity` in any case, with a sign;
/// no hexadecimal, no `_`, nothing around it.
pub fn parse_number(text: &str) -> Option<f64> {
    fast_float2::parse(text).ok()
}

/// Appends `value` in its shortest form that reads back equal: Go's `strconv.FormatFloat(v, 'g', -1, 64)` with exponents from 1e21
/// replaced by the client libraries' rule (exponent below 1e-4 and from 1e6 on for fractions; integers likewise from 1e6).
pub fn push_number(out: &mut String, value: f64) {
    out.push_str(&value.to_string());
}

/// Appends a bucket bound or quantile in the canonical spelling of Prometheus 3: as [`push_number`], integers with `.0`, `+Inf`.
pub fn push_bound(out: &mut String, bound: f64) {
    if bound == f64::INFINITY {
        out.push_str("+Inf");
    } else {
        push_number(out, bound);
    }
}
