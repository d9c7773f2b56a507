//! Slots, by which listed origins are told apart.

use super::*;

#[test]
fn a_slot_tells_its_listed_origin_unless_it_is_shared() {
    let written = ["https://API.example.com.:443/", "http://[::1]:8080"];
    let audience = Audience::origins(written).unwrap().or_unaddressed();
    let listed = |slot| audience.listed(slot).map(|uri| uri.to_string());
    let slots = ["api.example.com", "[::1]:8080"].map(|host| with_host(&audience, host).unwrap());
    let shown = ["https://api.example.com/", "http://[::1]:8080/"].map(|uri| Some(uri.to_owned()));
    assert_eq!(slots.map(listed), shown);
    assert_eq!(listed(OriginSlot::nth(2)), None);
    assert_eq!(listed(judge(&audience, "/path").unwrap()), None);

    let many: Vec<_> = (0..65).map(|n| format!("https://a{n}.test")).collect();
    let audience = Audience::origins(many.iter().map(String::as_str)).unwrap();
    let is_listed = |n: usize| {
        audience
            .listed(judge(&audience, &many[n]).unwrap())
            .is_some()
    };
    assert_eq!([62, 63, 64].map(is_listed), [true, false, false]);
    let any = Audience::any();
    assert_eq!(any.listed(judge(&any, &many[0]).unwrap()), None);
}

#[test]
fn slots_tell_the_listed_origins_apart() {
    let names: Vec<String> = (0..100)
        .map(|n| format!("https://api{n}.example.com"))
        .collect();
    let audience = Audience::origins(names.iter().map(String::as_str)).unwrap();
    for (n, name) in names.iter().enumerate() {
        assert_eq!(judge(&audience, name).unwrap().index(), n.min(63));
    }
    assert_eq!(
        judge(&Audience::any(), "https://A.example"),
        judge(&Audience::any(), "https://a.example.:443/x")
    );
}
