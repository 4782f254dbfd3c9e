//! A real Django site with the usual mistakes around its metrics, under gunicorn.

use crate::case::Case;
use crate::gunicorn::serve;
use crate::support::repository;

#[test]
fn a_site_with_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let (_gunicorn, at) = serve(dir.path(), "mistakes:application", &["-w1"], &[("PYTHONPATH", repository().join("tests/stack"))]);
    let case = |path: &str| Case::new("workers", &format!("http://{at}{path}")).with("expect", "1");
    let greeted = |path: &str| case(path).with("http_headers", "{Host: localhost}");

    case("/metrics/").finds_and_clears("allowed_hosts");
    greeted("/metrics").finds_and_clears("trailing_slash");
    greeted("/members").finds("login_page");
    // Followed, the redirect ends at a page that asks for a password.
    let followed = greeted("/members").with("follow_redirects", "true");
    let findings = followed.findings();
    assert_eq!((&findings[0]["code"], findings.len()), (&"login_page".into(), 1), "{findings:?}");
    greeted("/staff").finds("forbidden");
    greeted("/page").finds("web_page");
    let finding = greeted("/stats").finds("not_found");
    assert!(finding.paste("source").contains(&format!("http://{at}/metrics")), "{}", finding.paste("source"));
}
