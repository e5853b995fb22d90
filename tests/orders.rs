//! In which order resources come does not matter: a reference that comes later wakes whoever waits for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use futures::future::join_all;
use std::sync::Arc;
use support::{
    bench::Bench,
    operator::{Operator, Settings},
    samples::{API, CONNECTION, CREDENTIALS, PASSWORD, TENANT, USER},
    tenant::Tenant,
};

/// What is applied in one step.
const STEPS: [&[&str]; 4] = [&[CREDENTIALS, TENANT], &[API], &[CONNECTION], &[PASSWORD, USER]];

#[tokio::test]
async fn all_24_orders_end_ready_with_one_of_each_and_deleted_so_with_nothing_though_nothing_is_tried_twice() {
    let settings = Settings { flags: &["--watch-secrets", "--no-requeues"], ..Settings::default() };
    let tenant = Arc::new(Tenant::start("orders.eu.auth0.com").await);
    let orders = orders();
    assert_eq!(orders.len(), 24);
    let benches = join_all((0..orders.len()).map(|number| Bench::sharing(&tenant, format!("order-{number}")))).await;
    let _operator = Operator::start(benches[0].cluster, settings).await;

    join_all(benches.iter().zip(&orders).map(async |(bench, order)| {
        for step in order {
            for key in STEPS[*step] {
                bench.apply(key).await;
            }
            let key = STEPS[*step].last().unwrap();
            bench.history.until(key, "looked at", |object| object.condition("Ready").is_some()).await;
        }
        bench.all_ready().await;
    }))
    .await;

    let made = tenant.added().await;
    for bench in &benches {
        let wanted = bench.samples.made();
        for (kind, names) in wanted.as_object().unwrap() {
            let name = &names[0];
            let count = made[kind].as_array().unwrap().iter().filter(|other| *other == name).count();
            assert_eq!(count, 1, "{kind} {name}");
        }
        bench.assert_token().await;
        bench.assert_login().await;
    }
    assert!(made.as_object().unwrap().values().all(|names| names.as_array().unwrap().len() == benches.len()), "{made}");

    join_all(benches.iter().zip(&orders).map(async |(bench, order)| {
        for key in order.iter().flat_map(|step| STEPS[*step]) {
            bench.delete(key).await;
        }
        bench.history.until_empty().await;
        for key in [CREDENTIALS, PASSWORD] {
            bench.until_gone(key).await;
        }
    }))
    .await;
    tenant.assert_clean().await;
}

/// All orders of the steps' numbers.
fn orders() -> Vec<Vec<usize>> {
    let mut orders = vec![vec![]];
    for _ in STEPS {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            let rest = (0..STEPS.len()).filter({
                let order = order.clone();
                move |step| !order.contains(step)
            });
            rest.map(move |step| [order.as_slice(), &[step]].concat())
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}
