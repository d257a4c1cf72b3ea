//! Answers of several pages.

use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::arm::Question;
use super::endpoint::Endpoint;
use super::query::Sum;
use super::retry::Allowance;
use super::trouble::Trouble;
use super::{Azure, invalid, json};

/// More pages than this are nobody's budgets, and nobody's single sum.
const MOST: usize = 20;

impl Azure {
    /// All budgets that there are at and below the scope, and the cloud's clock.
    pub(super) async fn list(
        &mut self,
        endpoint: &Endpoint,
        question: Question<'_>,
        allowance: &mut Allowance,
    ) -> Result<(Vec<Value>, i64), Trouble> {
        let mut budgets = Vec::new();
        let mut url = question.url.clone();
        for _ in 0..MOST {
            let question = Question {
                url: &url,
                ..question
            };
            let answer = self.arm.ask(question, allowance).await?;
            if answer.status == StatusCode::NOT_FOUND {
                return Err(self.arm.refused(&question, &answer));
            }
            let now = self.heard(&answer)?;
            if answer.status == StatusCode::NO_CONTENT {
                return Ok((budgets, now));
            }
            let page = json(&question, &answer)?;
            let list = page.get("value").and_then(Value::as_array);
            let list = list.ok_or_else(|| invalid("a list of budgets without one"))?;
            budgets.extend(list.iter().cloned());
            match page.get("nextLink") {
                None | Some(Value::Null) => return Ok((budgets, now)),
                Some(Value::String(link)) if link.is_empty() => return Ok((budgets, now)),
                Some(link) => {
                    let further = endpoint.further(link.as_str().unwrap_or(""));
                    url = further.map_err(|error| invalid(&error))?;
                }
            }
        }
        Err(invalid("more pages of budgets than can be"))
    }

    /// The sum over all pages, and the cloud's clock at the first and at the last one.
    pub(super) async fn sum(
        &mut self,
        endpoint: &Endpoint,
        question: Question<'_>,
        allowance: &mut Allowance,
    ) -> Result<(Sum, i64, i64), Trouble> {
        let (mut sum, mut first) = (Sum::default(), None);
        let mut seen: Vec<Url> = Vec::new();
        let mut url = question.url.clone();
        while seen.len() < MOST {
            let question = Question {
                url: &url,
                ..question
            };
            let answer = self.arm.ask(question, allowance).await?;
            if answer.status == StatusCode::NOT_FOUND {
                return Err(self.arm.refused(&question, &answer));
            }
            let now = self.heard(&answer)?;
            let first = *first.get_or_insert(now);
            if answer.status == StatusCode::NO_CONTENT {
                return Ok((sum, first, now));
            }
            let next = sum.add(&json(&question, &answer)?);
            let next = next.map_err(|error| invalid(&format!("a cost that {error}")))?;
            let Some(next) = next else {
                return Ok((sum, first, now));
            };
            let next = endpoint.further(&next).map_err(|error| invalid(&error))?;
            seen.push(std::mem::replace(&mut url, next));
            if seen.contains(&url) {
                return Err(invalid("the same page of costs again"));
            }
        }
        Err(invalid("more pages of costs than can be"))
    }
}
