use super::*;
use Trouble::{ClocksApart, LocalClock, SeveralClocks, TooYoung};

const API: &str = "https://api.test";

fn judge(
    issuer: Option<f64>,
    api: Option<f64>,
    nodes: usize,
    ripening: Option<u64>,
) -> Vec<Finding> {
    let gap = |ahead| Gap { ahead, error: 0.5 };
    let clocks = Clocks {
        api_name: API,
        issuer: issuer.map(gap),
        api: api.map(gap),
        nodes,
        ripening: ripening.map(Duration::from_secs),
    };
    clocks.judge()
}

#[test]
fn the_local_clock_is_blamed_only_where_issuer_and_api_agree() {
    for (issuer, api, troubles, says) in [
        (
            Some(0.2),
            Some(-0.3),
            vec![],
            "within 0.8 s of the issuer and https://api.test",
        ),
        (
            Some(120.0),
            Some(121.0),
            vec![LocalClock],
            "121.0 s ± 0.5 s behind the issuer and",
        ),
        (
            Some(-5.0),
            Some(-5.5),
            vec![LocalClock],
            "5.5 s ± 0.5 s ahead of",
        ),
        (
            Some(0.0),
            Some(90.0),
            vec![ClocksApart],
            "have the clock of https://api.test set",
        ),
        (
            Some(-40.0),
            Some(0.5),
            vec![ClocksApart],
            "have the issuer's clock set",
        ),
        (
            Some(300.0),
            Some(90.0),
            vec![ClocksApart, LocalClock],
            "check it against a third",
        ),
        (
            Some(30.0),
            None,
            vec![LocalClock],
            "check which of the two is wrong",
        ),
        (
            None,
            Some(30.0),
            vec![LocalClock],
            "the issuer did not tell the time",
        ),
        (
            Some(1.0),
            None,
            vec![],
            "https://api.test did not tell the time",
        ),
        (None, None, vec![], ""),
    ] {
        let findings = judge(issuer, api, 1, None);
        assert_eq!(
            crate::diagnosis::troubles(&findings),
            troubles,
            "{issuer:?} {api:?}"
        );
        let text: Vec<_> = findings.iter().map(Finding::to_string).collect();
        assert!(text.join("\n").contains(says), "{text:#?}");
    }
}

#[test]
fn a_token_that_had_to_ripen_is_explained_by_the_clocks_if_they_show_it() {
    for (api, nodes, ripening, troubles) in [
        (-10.0, 1, Some(8), vec![ClocksApart]),
        (0.0, 1, Some(8), vec![TooYoung]),
        (-10.0, 1, None, vec![ClocksApart]),
        (0.0, 2, Some(8), vec![TooYoung]),
    ] {
        let findings = judge(Some(0.0), Some(api), nodes, ripening);
        assert_eq!(
            crate::diagnosis::troubles(&findings),
            troubles,
            "{api} {ripening:?}"
        );
    }
}

#[test]
fn nodes_that_are_apart_prove_nothing_against_the_local_clock() {
    let clocks = Clocks {
        api_name: API,
        issuer: Some(Gap {
            ahead: 0.0,
            error: 0.5,
        }),
        api: Some(Gap {
            ahead: 6.0,
            error: 6.0,
        }),
        nodes: 2,
        ripening: None,
    };
    let findings = clocks.judge();
    assert_eq!(crate::diagnosis::troubles(&findings), [SeveralClocks]);
    assert!(
        findings[1].to_string().contains("up to 12.0 s apart"),
        "{}",
        findings[1]
    );
}
