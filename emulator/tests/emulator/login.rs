use jsonwebtoken::dangerous::insecure_decode;
use serde_json::{Value, json};

use crate::browser::{CALLBACK, Shop, VERIFIER, challenge, code, location, told};
use crate::tenant::{PASSWORD, text};

fn claims(token: &str) -> Value {
    insecure_decode::<Value>(token).unwrap().claims
}

#[tokio::test]
async fn a_user_logs_in_by_browser_and_the_application_gets_tokens() {
    let shop = Shop::open().await;
    let page = shop.login_page(&[("nonce", "n1"), ("audience", "orders"), ("scope", "openid email read fly")]).await;
    let form = shop.browser.get(&page).await;
    assert_eq!(form.headers()["content-type"], "text/html; charset=utf-8");
    let html = form.text().await.unwrap();
    assert!(html.contains("Log in to Shop &amp; Co") && !html.contains("<script"), "{html}");
    let code = code(&shop.submit(&page, PASSWORD).await);
    let (status, answer) = shop.redeem(&code).await;
    assert_eq!((status, &answer["scope"], &answer["token_type"]), (200, &json!("openid email read"), &json!("Bearer")));
    let id = claims(&text(&answer, "id_token"));
    assert_eq!(
        (&id["nonce"], &id["email"], &id["aud"]),
        (&json!("n1"), &json!("ada@example.com"), &json!(shop.client_id))
    );
    assert_eq!((id.get("auth_time"), id.get("name"), id["sid"].is_string()), (None, None, true));
    let access = claims(&text(&answer, "access_token"));
    assert_eq!((&access["sub"], access.get("gty")), (&json!(shop.user_id), None));
    assert_eq!(access["aud"], json!(["orders", "https://localhost:8080/userinfo"]));
    let (_, user) = shop.user_info(&text(&answer, "access_token")).await;
    assert_eq!(user, json!({ "sub": shop.user_id, "email": "ada@example.com", "email_verified": false }));
    assert_eq!(shop.logged().await, ["s", "seacft"]);
    let (_, entries) = shop.tenant.get("/logs?q=type:s").await;
    assert_eq!((&entries[0]["user_id"], &entries[0]["client_name"]), (&json!(shop.user_id), &json!("Shop & Co")));

    let again = shop.redeem(&code).await;
    let used = json!({ "error": "invalid_grant", "error_description": "Invalid authorization code" });
    assert_eq!(again, (403, used));
}

#[tokio::test]
async fn without_an_api_the_token_is_for_user_info_only() {
    let shop = Shop::open().await;
    let code = shop.log_in(&[("scope", "openid profile")]).await;
    let (_, answer) = shop.redeem(&code).await;
    let token = text(&answer, "access_token");
    assert!(!token.contains('.') && answer["scope"] == "openid profile", "{answer}");
    let (_, user) = shop.user_info(&token).await;
    assert_eq!((&user["name"], user.get("email")), (&json!("ada@example.com"), None));
    assert_eq!(shop.user_info("x").await.0, 401);
    assert_eq!(shop.user_info(&shop.tenant.token).await.0, 401, "a token for another audience");
    let post = shop.tenant.http.post(shop.tenant.url("/userinfo")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(post.status(), 200);
    shop.tenant.delete(&format!("/users/{}", shop.user_id.replace('|', "%7C"))).await;
    assert_eq!(shop.user_info(&token).await.0, 401);
}

#[tokio::test]
async fn what_the_user_types_wrong_is_not_told_apart() {
    let shop = Shop::open().await;
    let page = shop.login_page(&[]).await;
    let wrong = shop.submit(&page, "wrong").await;
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.unwrap().contains("Wrong email or password"));
    let nobody = shop.browser.post(&page, &[("username", "\"><b>"), ("password", PASSWORD)]).await;
    let html = nobody.text().await.unwrap();
    assert!(html.contains("Wrong email or password") && html.contains("&quot;&gt;&lt;b&gt;") && !html.contains("<b>"));
    code(&shop.submit(&page, PASSWORD).await);
    assert_eq!(shop.logged().await, ["fp", "fu", "s"]);
    assert_eq!(shop.submit(&page, PASSWORD).await.status(), 400, "the page is used up");
}

#[tokio::test]
async fn a_login_page_is_good_for_its_own_browser_only() {
    let shop = Shop::open().await;
    let page = shop.login_page(&[]).await;
    let other = crate::browser::Browser::new();
    assert_eq!(other.get(&page).await.status(), 400);
    other.get(&shop.authorize(&[])).await;
    assert_eq!(other.get(&page).await.status(), 400, "it has a page of its own");
    let form = [("username", "ada@example.com"), ("password", PASSWORD)];
    assert_eq!(other.post(&page, &form).await.status(), 400);
    assert_eq!(shop.browser.get(&shop.tenant.url("/u/login?state=x")).await.status(), 400);
    assert_eq!(shop.browser.get(&page).await.status(), 200);
}

#[tokio::test]
async fn a_session_saves_the_next_login() {
    let shop = Shop::open().await;
    let silent = [("prompt", "none")];
    let before = told(&shop.browser.get(&shop.authorize(&silent)).await);
    assert_eq!((before["error"].as_str(), before["state"].as_str()), ("login_required", "s t&te"));
    let first = shop.redeem(&shop.log_in(&[]).await).await.1;
    for more in [&silent[..], &[], &[("max_age", "1000")]] {
        let code = code(&shop.browser.get(&shop.authorize(more)).await);
        let id = claims(&text(&shop.redeem(&code).await.1, "id_token"));
        assert_eq!(id["sid"], claims(&text(&first, "id_token"))["sid"]);
        assert_eq!(id["auth_time"].is_u64(), more.iter().any(|(key, _)| *key == "max_age"));
    }
    shop.login_page(&[("prompt", "login")]).await;
    assert_eq!(shop.logged().await, ["fsa", "s", "seacft", "ssa", "seacft", "seacft", "seacft"]);
    shop.change_user(json!({ "blocked": true })).await;
    let blocked = told(&shop.browser.get(&shop.authorize(&silent)).await);
    assert_eq!((blocked["error"].as_str(), blocked["error_description"].as_str()), ("unauthorized", "user is blocked"));
}

#[tokio::test]
async fn a_wrong_client_or_callback_is_told_to_the_user_only() {
    let shop = Shop::open().await;
    for (more, status) in [
        ([("client_id", "")], 400),
        ([("client_id", "nobody")], 400),
        ([("redirect_uri", "")], 400),
        ([("redirect_uri", "https://evil.example.com/callback")], 403),
        ([("redirect_uri", "https://shop.example.com/callback/")], 403),
        ([("redirect_uri", "https://shop.example.com/callback?x=1")], 403),
        ([("redirect_uri", "https://shop.example.com/callback#x")], 403),
    ] {
        let response = shop.browser.get(&shop.authorize(&more)).await;
        assert_eq!(response.status(), status, "{more:?}");
        assert!(response.headers().get("location").is_none() && response.text().await.unwrap().contains("Oops"));
    }
}

#[tokio::test]
async fn all_other_errors_are_told_to_the_application() {
    let shop = Shop::open().await;
    shop.tenant.create("/connections", json!({ "name": "other", "strategy": "auth0" })).await;
    shop.tenant.create("/resource-servers", json!({ "identifier": "closed" })).await;
    let closed = json!({ "subject_type_authorization": { "user": { "policy": "deny_all" } } });
    shop.tenant.patch("/resource-servers/closed", closed).await;
    for (more, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_mode", "web_message"), "invalid_request"),
        (("code_challenge_method", "S512"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("prompt", "x"), "invalid_request"),
        (("max_age", "x"), "invalid_request"),
        (("organization", "org_1"), "invalid_request"),
        (("audience", "nothing"), "access_denied"),
        (("audience", "closed"), "access_denied"),
        (("connection", "nothing"), "invalid_request"),
        (("connection", "other"), "invalid_request"),
    ] {
        let told = told(&shop.browser.get(&shop.authorize(&[more])).await);
        assert_eq!((told["error"].as_str(), told["state"].as_str()), (error, "s t&te"), "{more:?}");
    }
    shop.change_client(json!({ "token_endpoint_auth_method": "none" })).await;
    let open = told(&shop.browser.get(&shop.authorize(&[("code_challenge", ""), ("code_challenge_method", "")])).await);
    assert_eq!(open["error_description"], "Missing required parameter: code_challenge");
    shop.change_client(json!({ "grant_types": ["client_credentials"] })).await;
    assert_eq!(told(&shop.browser.get(&shop.authorize(&[])).await)["error"], "unauthorized_client");
    shop.change_client(json!({ "grant_types": ["authorization_code"] })).await;
    shop.enable(false).await;
    let none = told(&shop.browser.get(&shop.authorize(&[])).await);
    assert_eq!(none["error_description"], "no connections enabled for the client");
}

#[tokio::test]
async fn blocked_users_and_connections_taken_away_end_a_login() {
    let shop = Shop::open().await;
    let (first, second) = (shop.login_page(&[]).await, shop.login_page(&[]).await);
    shop.change_user(json!({ "blocked": true })).await;
    let blocked = told(&shop.submit(&first, PASSWORD).await);
    assert_eq!((blocked["error"].as_str(), blocked["error_description"].as_str()), ("unauthorized", "user is blocked"));
    shop.enable(false).await;
    assert_eq!(told(&shop.submit(&second, PASSWORD).await)["error"], "invalid_request");
}

#[tokio::test]
async fn a_code_is_void_once_its_user_is_blocked_or_gone() {
    let shop = Shop::open().await;
    let first = shop.log_in(&[]).await;
    let second = code(&shop.browser.get(&shop.authorize(&[])).await);
    shop.change_user(json!({ "blocked": true })).await;
    assert_eq!(shop.redeem(&first).await.1["error_description"], "user is blocked");
    shop.tenant.delete(&format!("/users/{}", shop.user_id.replace('|', "%7C"))).await;
    assert_eq!(shop.redeem(&second).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_is_for_its_client_its_callback_and_its_verifier() {
    let shop = Shop::open().await;
    let other = shop.tenant.create("/clients", json!({ "name": "Other" })).await;
    let exchange = async |code: &str, more: &[(&str, &str)]| {
        let code = [("grant_type", "authorization_code"), ("code", code)];
        let (status, answer) = shop.token(&[&code[..], more].concat()).await;
        (status, answer["error_description"].as_str().unwrap_or("fine").to_owned())
    };
    let stolen = shop.log_in(&[]).await;
    let (id, secret) = (text(&other, "client_id"), text(&other, "client_secret"));
    let form = [("grant_type", "authorization_code"), ("code", stolen.as_str()), ("redirect_uri", CALLBACK)];
    let by_other = [&form[..], &[("client_id", &id), ("client_secret", &secret), ("code_verifier", VERIFIER)]].concat();
    assert_eq!(shop.tenant.oauth(&by_other).await.1["error"], "invalid_grant");
    assert_eq!(shop.redeem(&stolen).await.0, 200, "the thief did not use it up");

    let again = async |more: &[(&str, &str)]| code(&shop.browser.get(&shop.authorize(more)).await);
    let plain = [("code_challenge", VERIFIER), ("code_challenge_method", "plain")];
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let (redirect, verifier) = (("redirect_uri", CALLBACK), ("code_verifier", VERIFIER));
    let failed = "Failed to verify code verifier";
    let challenge = challenge();
    for (asked, sent, expected) in [
        (&[][..], &[redirect][..], (403, failed)),
        (&[], &[redirect, ("code_verifier", &challenge)], (403, failed)),
        (&plain, &[redirect, verifier], (200, "fine")),
        (&none, &[redirect], (200, "fine")),
        (&none, &[redirect, verifier], (403, failed)),
        (
            &[],
            &[verifier],
            (403, "The redirect URI is wrong. You sent null, and we expected https://shop.example.com/callback"),
        ),
    ] {
        let (status, words) = exchange(&again(asked).await, sent).await;
        assert_eq!((status, words.as_str()), expected, "{asked:?} {sent:?}");
    }
    assert_eq!(exchange("x", &[redirect]).await, (403, "Invalid authorization code".to_owned()));
    assert_eq!(exchange("", &[redirect]).await.0, 400);
}

#[tokio::test]
async fn codes_come_back_in_the_way_asked_for() {
    let shop = Shop::open().await;
    shop.log_in(&[]).await;
    let fragment = location(&shop.browser.get(&shop.authorize(&[("response_mode", "fragment")])).await);
    assert!(fragment.starts_with(&format!("{CALLBACK}#code=")), "{fragment}");
    let form = shop.browser.get(&shop.authorize(&[("response_mode", "form_post")])).await.text().await.unwrap();
    assert!(form.contains(&format!("action=\"{CALLBACK}\"")) && form.contains("value=\"s t&amp;te\""), "{form}");
}

#[tokio::test]
async fn a_logout_ends_the_session_and_goes_where_the_client_lets_it() {
    let shop = Shop::open().await;
    let base = shop.tenant.url("/v2/logout");
    let id = &shop.client_id;
    let is_logged_in =
        async || told(&shop.browser.get(&shop.authorize(&[("prompt", "none")])).await).contains_key("code");
    shop.log_in(&[]).await;
    for refused in [
        format!("?client_id={id}&returnTo=https://evil.example.com"),
        "?returnTo=https://shop.example.com/bye".to_owned(),
        "?client_id=nobody".to_owned(),
    ] {
        assert_eq!(shop.browser.get(&format!("{base}{refused}")).await.status(), 400, "{refused}");
        assert!(is_logged_in().await);
    }
    let url = format!("{base}?client_id={id}&returnTo=https%3A%2F%2FSHOP.example.com%2Fbye%3Fx%3D1");
    assert_eq!(location(&shop.browser.get(&url).await), "https://SHOP.example.com/bye?x=1");
    assert!(!is_logged_in().await);
    let first = shop.browser.get(&format!("{base}?client_id={id}")).await;
    assert_eq!(location(&first), "https://shop.example.com/bye");
    assert_eq!(shop.browser.get(&base).await.text().await.unwrap(), "OK");
    shop.tenant.patch("/tenants/settings", json!({ "allowed_logout_urls": ["https://example.com"] })).await;
    assert_eq!(
        location(&shop.browser.get(&format!("{base}?returnTo=https://example.com")).await),
        "https://example.com"
    );
    assert!(shop.logged().await.contains(&"slo".to_owned()));
}

#[tokio::test]
async fn an_oidc_logout_needs_a_hint_or_the_users_yes() {
    let shop = Shop::open().await;
    let base = shop.tenant.url("/oidc/logout");
    let is_logged_in =
        async || told(&shop.browser.get(&shop.authorize(&[("prompt", "none")])).await).contains_key("code");
    let (_, answer) = shop.redeem(&shop.log_in(&[]).await).await;
    let token = text(&answer, "id_token");
    let sid = text(&claims(&token), "sid");
    let bye = "post_logout_redirect_uri=https%3A%2F%2Fshop.example.com%2Fbye";
    for refused in [
        "id_token_hint=x".to_owned(),
        format!("id_token_hint={token}x"),
        format!("id_token_hint={token}&client_id=management"),
        format!("id_token_hint={token}&{bye}%3Fx"),
        format!("logout_hint={sid}&{bye}"),
        format!("id_token_hint={token}&logout_hint=x"),
    ] {
        assert_eq!(shop.browser.get(&format!("{base}?{refused}")).await.status(), 400, "{refused}");
    }
    let asks = shop.browser.get(&format!("{base}?client_id={}&logout_hint=x&{bye}", shop.client_id)).await;
    let html = asks.text().await.unwrap();
    assert!(html.contains("Are you sure you want to log out?") && is_logged_in().await);
    let state = html.split("name=\"state\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let confirm = shop.tenant.url("/oidc/logout/confirm");
    let other = crate::browser::Browser::new();
    assert_eq!(other.post(&confirm, &[("state", state)]).await.status(), 400);
    let yes = shop.browser.post(&confirm, &[("state", state)]).await;
    assert_eq!(location(&yes), "https://shop.example.com/bye");
    assert!(!is_logged_in().await);

    let (_, answer) = shop.redeem(&shop.log_in(&[]).await).await;
    let url = format!("{base}?id_token_hint={}&{bye}&state=a%26b", text(&answer, "id_token"));
    assert_eq!(location(&shop.browser.get(&url).await), "https://shop.example.com/bye?state=a%26b");
    assert!(!is_logged_in().await);
}

#[tokio::test]
async fn discovery_tells_of_it_and_the_request_log_of_no_secret() {
    let shop = Shop::open().await;
    let (_, configuration) = shop.tenant.call(reqwest::Method::GET, "/.well-known/openid-configuration", None).await;
    for (key, path) in [
        ("authorization_endpoint", "authorize"),
        ("userinfo_endpoint", "userinfo"),
        ("revocation_endpoint", "oauth/revoke"),
        ("end_session_endpoint", "oidc/logout"),
    ] {
        assert_eq!(configuration[key], format!("https://localhost:8080/{path}"));
    }
    let page = shop.login_page(&[("nonce", "n1")]).await;
    code(&shop.submit(&page, PASSWORD).await);
    let (_, log) = shop.tenant.call(reqwest::Method::GET, "/emulator/requests", None).await;
    let state = page.split("state=").nth(1).unwrap();
    let log = log["requests"].as_array().unwrap();
    let log: Vec<_> = log.iter().filter(|request| !text(request, "path").starts_with("/api")).collect();
    let shown = json!(log).to_string();
    assert!(!shown.contains(state) && !shown.contains("n1") && shown.contains("state=<redacted>"), "{shown}");
    let authorize = log.iter().find(|request| request["path"] == "/authorize").unwrap();
    assert_eq!(authorize["client_id"], json!(shop.client_id));
}

#[tokio::test]
async fn scripts_of_a_clients_origins_may_fetch_tokens() {
    let shop = Shop::open().await;
    shop.change_client(json!({ "web_origins": ["https://*.example.org"] })).await;
    let ask = async |method: &str, path: &str, origin: &str| {
        let request = shop.tenant.http.request(method.parse().unwrap(), shop.tenant.url(path)).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let response = request.header("access-control-request-headers", "auth0-client").send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), header("access-control-allow-origin"), header("access-control-allow-headers"))
    };
    for origin in ["https://shop.example.com", "https://a.example.org"] {
        let (allowed, headers) = (Some(origin.to_owned()), Some("auth0-client".to_owned()));
        assert_eq!(ask("OPTIONS", "/oauth/token", origin).await, (204, allowed.clone(), headers));
        assert_eq!(ask("POST", "/oauth/token", origin).await, (400, allowed, None), "errors are readable, too");
    }
    for origin in ["https://evil.example.com", "https://shop.example.com:8443", "null"] {
        assert_eq!(ask("OPTIONS", "/oauth/token", origin).await, (204, None, None), "{origin}");
    }
    assert_eq!(ask("OPTIONS", "/api/v2/clients", "https://shop.example.com").await.1, None);
    assert_eq!(ask("GET", "/authorize", "https://shop.example.com").await.1, None);
}
