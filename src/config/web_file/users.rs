use super::super::reader::{Field, Reader};
use super::super::secret::Secret;
use std::collections::BTreeMap;

/// Most rounds of bcrypt, as the power of two, that a hash may ask for: every check of a new password takes so long. 14 is about a
/// second, 18 many.
const COST_MAX: u32 = 18;

/// Reads `basic_auth_users`. Hashes are never repeated in messages.
pub(super) fn read(reader: &mut Reader<'_>, field: &Field<'_>) -> BTreeMap<String, Secret> {
    let mut users = BTreeMap::new();
    let Some(map) = reader.map(field) else { return users };
    for entry in map.entries {
        if entry.key.is_empty() || entry.key.contains(':') {
            reader.problem(entry.place, &map.path_of(&entry.key), "a user has a name, without a colon: basic auth can't send one");
        }
        let Some(field) = map.get(&entry.key) else {
            reader.problem(
                entry.place,
                &map.path_of(&entry.key),
                "missing; the bcrypt hash of the password (htpasswd -nBC 10 \"\")",
            );
            continue;
        };
        if let Some(hash) = reader.value(&field, hash) {
            users.insert(entry.key.clone(), hash);
        }
    }
    users
}

fn hash(text: &str) -> Result<Secret, String> {
    let parts: bcrypt::HashParts =
        text.parse().map_err(|_| "not a bcrypt hash; make one with htpasswd -nBC 10 \"\" | tr -d ':\\n'".to_string())?;
    match parts.get_cost() {
        cost if cost > COST_MAX => Err(format!("cost {cost} would take minutes for every new password; {COST_MAX} is the most")),
        _ => Ok(Secret::new(text)),
    }
}
