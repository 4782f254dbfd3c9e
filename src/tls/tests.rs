use super::*;

/// Every name that a configuration may have is one that there is.
#[test]
fn cipher_suites_of_the_configuration_are_built_in() {
    let known: Vec<_> = provider().cipher_suites.iter().map(server::name_of).collect();
    for name in crate::config::CIPHER_SUITES {
        assert!(known.iter().any(|known| known == name), "{name} is not among {known:?}");
    }
    assert_eq!(known.len(), crate::config::CIPHER_SUITES.len(), "all that are built in can be named");
}
