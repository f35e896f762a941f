//! Elements as assistive technology sees them: by role and accessible name.

use crate::error::Doing;
use crate::{Browser, Error, Result};
use std::time::Duration;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::{By, ElementId, RequestData, SessionId, WebElement};

/// How long an element may take to appear.
const APPEARING: Duration = Duration::from_secs(10);

/// What the browser computed for an element (WebDriver, sections 12.4.9 and 12.4.10).
#[derive(Debug)]
enum Computed {
    Role(ElementId),
    Label(ElementId),
}

impl FormatRequestData for Computed {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let (element, what) = match self {
            Self::Role(element) => (element, "computedrole"),
            Self::Label(element) => (element, "computedlabel"),
        };
        RequestData::new(http::Method::GET, format!("session/{session}/element/{element}/{what}"))
    }
}

impl Browser {
    /// The one element with this role and exactly this accessible name; waits up to 10 s for it.
    ///
    /// # Errors
    /// If there is none, or more than one; with the names of all elements of this role.
    pub async fn by_role(&self, role: &str, name: &str) -> Result<WebElement> {
        self.one(None, role, name).await
    }

    /// As [`Browser::by_role`], inside of an element.
    pub async fn by_role_in(&self, parent: &WebElement, role: &str, name: &str) -> Result<WebElement> {
        self.one(Some(parent), role, name).await
    }

    /// Waits for the element and clicks it.
    pub async fn click(&self, role: &str, name: &str) -> Result<()> {
        let element = self.by_role(role, name).await?;
        element.click().await.doing(|| format!("click the {role} \"{name}\""))
    }

    /// Waits for the element, empties it and types into it.
    pub async fn type_into(&self, role: &str, name: &str, text: &str) -> Result<()> {
        let element = self.by_role(role, name).await?;
        let typed = async {
            element.clear().await?;
            element.send_keys(text).await
        };
        typed.await.doing(|| format!("type into the {role} \"{name}\""))
    }

    /// The accessible names of all elements with this role that the page has now, in the page's order.
    pub async fn names(&self, role: &str) -> Result<Vec<String>> {
        Ok(self.all_of(None, role).await?.into_iter().map(|(name, _)| name).collect())
    }

    async fn one(&self, parent: Option<&WebElement>, role: &str, name: &str) -> Result<WebElement> {
        let what = format!("the {role} \"{name}\"");
        self.wait_for(&what, APPEARING, async || self.only(parent, role, name).await.map(Some)).await
    }

    async fn only(&self, parent: Option<&WebElement>, role: &str, name: &str) -> Result<WebElement> {
        let all = self.all_of(parent, role).await?;
        let mut found = all.iter().filter(|(label, _)| label == name);
        match (found.next(), found.count()) {
            (Some((_, element)), 0) => Ok(element.clone()),
            (first, more) => {
                let found = first.map_or("nothing is".to_owned(), |_| format!("{} elements are", more + 1));
                let there = all.iter().map(|(label, _)| format!("\"{label}\"")).collect::<Vec<_>>().join(", ");
                Err(Error::Element { found, role: role.into(), name: name.into(), there })
            }
        }
    }

    async fn all_of(&self, parent: Option<&WebElement>, role: &str) -> Result<Vec<(String, WebElement)>> {
        let css = By::Css(candidates(role));
        let candidates = match parent {
            Some(parent) => parent.find_all(css).await,
            None => self.driver().find_all(css).await,
        };
        let mut found = Vec::new();
        for element in candidates.doing(|| format!("look for {role}s"))? {
            if self.computed(Computed::Role(element.element_id())).await? == role {
                found.push((self.computed(Computed::Label(element.element_id())).await?, element));
            }
        }
        Ok(found)
    }

    async fn computed(&self, what: Computed) -> Result<String> {
        let answer = self.driver().cmd(what).await.and_then(|answer| answer.value::<String>());
        let text = answer.doing(|| "compute an element's role or name".into())?;
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// A selector for everything that may have the role; the browser is asked whether it does.
fn candidates(role: &str) -> String {
    let native = match role {
        "button" => "button, summary, input[type=button], input[type=submit], input[type=reset], input[type=image]",
        "link" => "a[href], area[href]",
        "textbox" => "input, textarea, [contenteditable]",
        "searchbox" | "spinbutton" | "slider" | "checkbox" | "radio" | "switch" => "input",
        "combobox" | "listbox" => "select, input[list]",
        "option" => "option",
        "heading" => "h1, h2, h3, h4, h5, h6",
        "list" => "ul, ol, menu",
        "listitem" => "li",
        "table" => "table",
        "row" => "tr",
        "cell" => "td",
        "columnheader" | "rowheader" => "th",
        "dialog" => "dialog",
        "group" => "fieldset, details, optgroup",
        "form" => "form",
        "region" => "section",
        "navigation" => "nav",
        "main" => "main",
        "banner" => "header",
        "contentinfo" => "footer",
        "complementary" => "aside",
        "article" => "article",
        "progressbar" => "progress",
        "meter" => "meter",
        "status" => "output",
        "image" | "img" => "img, svg",
        _ => "",
    };
    let separator = if native.is_empty() { "" } else { ", " };
    format!("{native}{separator}[role~=\"{role}\"]")
}
