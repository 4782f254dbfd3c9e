//! Families: found by a word, or the largest.

use super::escape::{Shown, Whole, family_link};
use super::table;
use crate::model::WideFamily;
use crate::round::{Families, FamilyLine};

pub(super) fn families(families: &Families, search: &str) -> String {
    let Families { total, series, matching, shown } = families;
    let left_out = match matching - shown.len() {
        0 => String::new(),
        n => format!("<p class=\"soft\">{n} more are not shown; search for them by a part of their name.</p>"),
    };
    let found = match (search.is_empty(), matching) {
        (true, _) => String::new(),
        (false, 0) => format!("<p>No family has “<bdi>{}</bdi>” in its name or help.</p>", Shown(search)),
        (false, n) => format!("<p>{n} with “<bdi>{}</bdi>” in name or help. <a href=\"./#families\">All</a></p>", Shown(search)),
    };
    let rows: String = shown.iter().map(row).collect();
    let heads = "<th scope=\"col\">family<th scope=\"col\">type<th scope=\"col\">source<th scope=\"col\" class=\"n\">series\
                 <th scope=\"col\">largest labels";
    let list = if rows.is_empty() { String::new() } else { table("families", heads, &rows) };
    // The form stands apart from what is refreshed, so that nobody is disturbed in typing.
    format!(
        "<section id=\"families\" aria-labelledby=\"families-h\"><h2 id=\"families-h\">Families <small>{total}, {series} series</small></h2>\
         <form action=\"./#families\" method=\"get\" role=\"search\"><label>Part of a name or help <br><input type=\"search\" name=\"q\" \
         value=\"{}\" maxlength=\"200\" dir=\"auto\"></label><button>Search</button></form>\
         <div id=\"found\" data-live>{found}{list}{left_out}</div></section>\n",
        Whole(search)
    )
}

fn row(family: &FamilyLine) -> String {
    let label = |(name, values): &(String, usize)| format!("<bdi>{}</bdi> ({values})", Shown(name));
    let labels: Vec<String> = family.labels.iter().map(label).collect();
    let help =
        if family.help.is_empty() { String::new() } else { format!("<br><small><bdi>{}</bdi></small>", Shown(&family.help)) };
    format!(
        "<tr><td class=\"name\">{}{help}<td>{}<td><bdi>{}</bdi><td class=\"n\">{}<td>{}</tr>",
        family_link(&family.name),
        family.kind.as_openmetrics(),
        Shown(&family.sources.join(", ")),
        family.series,
        labels.join(", ")
    )
}

/// Families that one label makes large, and the setting that helps.
pub(super) fn large(wide: &[(String, WideFamily)]) -> String {
    if wide.is_empty() {
        return String::new();
    }
    let row = |(source, family): &(String, WideFamily)| {
        format!(
            "<tr><td><bdi>{}</bdi><td class=\"name\">{}<td class=\"n\">{}<td>{} without <bdi>{}</bdi><td><code>{}</code></tr>",
            Shown(source),
            family_link(&family.name),
            family.series,
            family.left,
            Shown(&family.label),
            Shown(&family.setting())
        )
    };
    let rows: String = wide.iter().map(row).collect();
    let heads = "<th scope=\"col\">source<th scope=\"col\">family<th scope=\"col\" class=\"n\">series<th scope=\"col\">would be\
                 <th scope=\"col\">setting of the source";
    format!(
        "<section id=\"large\" data-live aria-labelledby=\"large-h\"><h2 id=\"large-h\">Large families <small>where nobody asks by the \
         label, the setting leaves it out before it is stored</small></h2>{}</section>\n",
        table("large families", heads, &rows)
    )
}
