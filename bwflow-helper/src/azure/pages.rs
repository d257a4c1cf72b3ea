//! Answers of several pages.

use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::arm::Question;
use super::endpoint::Endpoint;
use super::listed::Listed;
use super::page::{Room, tree};
use super::query::Sum;
use super::retry::Allowance;
use super::trouble::Trouble;
use super::{Azure, choice, invalid, unusable};

/// More pages than this are nobody's budgets, and nobody's single sum.
const MOST: usize = 20;
/// More than this are nobody's budgets, either.
const MANY: usize = 1000;

impl Azure {
    /// All budgets that there are at and below the scope, and the cloud's clock.
    pub(super) async fn list(
        &mut self,
        endpoint: &Endpoint,
        question: Question<'_>,
        allowance: &mut Allowance,
    ) -> Result<(Vec<Listed>, i64), Trouble> {
        let (mut budgets, mut room) = (Vec::new(), Room::new());
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
            let page = room.budgets(&answer);
            let page = page.map_err(|instead| unusable(&question, &instead))?;
            let list = page.value;
            let list = list.ok_or_else(|| invalid("a list of budgets without one"))?;
            if budgets.len() + list.len() > MANY {
                return Err(invalid("more budgets than can be"));
            }
            for budget in list {
                let budget = tree(Some(budget));
                let budget = budget.map_err(|it| invalid(&format!("a budget that {it}")))?;
                budgets.push(choice::read(&budget)?);
            }
            match tree(page.next).unwrap_or(Value::Bool(true)) {
                Value::Null => return Ok((budgets, now)),
                Value::String(link) if link.is_empty() => return Ok((budgets, now)),
                link => {
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
        let (mut sum, mut first, mut room) = (Sum::default(), None, Room::new());
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
            let page = room.costs(&answer);
            let page = page.map_err(|instead| unusable(&question, &instead))?;
            let next = sum.add(&page);
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
