//! Elements as assistive technology sees them: by role and accessible name.

use crate::error::Doing;
use crate::{Browser, Error, Result};
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::{By, ElementId, Key, RequestData, SessionId, WebElement};

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
    /// The one element with this role and exactly this accessible name; waits for it
    /// as long as [`LaunchOptions::patience`](crate::LaunchOptions::patience) says.
    ///
    /// # Errors
    /// If there is none, or more than one, when the time is over; with the names of all elements of this role.
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
        // A page that has just heard a key may not have enabled its button yet, and browsers drop a click on a disabled one.
        let enabled = async || element.is_enabled().await.doing(|| format!("look at the {role} \"{name}\""));
        self.wait_until(&format!("the {role} \"{name}\" to be enabled"), self.patience(), enabled).await?;
        element.click().await.doing(|| format!("click the {role} \"{name}\""))
    }

    /// Waits for the element and types over all that is in it, as a person does: with the keyboard alone.
    ///
    /// WebDriver's "Element Clear" is no way to empty it: pages hear of it by a `change` event only, so a page that
    /// keeps a field's text itself puts the old text back when it is rendered before the first key.
    pub async fn type_into(&self, role: &str, name: &str, text: &str) -> Result<()> {
        let element = self.by_role(role, name).await?;
        let typed = async {
            element.send_keys(Key::Control + "a").await?;
            element.send_keys(Key::Backspace + text).await
        };
        typed.await.doing(|| format!("type into the {role} \"{name}\""))
    }

    /// The accessible names of all elements with this role that the page has now, in the page's order.
    pub async fn names(&self, role: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for element in self.candidates(None, role).await? {
            if self.computed(Computed::Role(element.element_id())).await? == current(role) {
                names.push(self.computed(Computed::Label(element.element_id())).await?);
            }
        }
        Ok(names)
    }

    async fn one(&self, parent: Option<&WebElement>, role: &str, name: &str) -> Result<WebElement> {
        let what = format!("the {role} \"{name}\"");
        self.to_front().await?;
        let found = self.wait_for(&what, self.patience(), async || self.only(parent, role, name).await).await;
        match found {
            Err(Error::TimedOut { what, seconds, circumstances }) => {
                let names = self.names(role).await?;
                let circumstances = format!("The page's elements of this role are {names:?}\n{circumstances}");
                Err(Error::TimedOut { what, seconds, circumstances })
            }
            found => found,
        }
    }

    async fn only(&self, parent: Option<&WebElement>, role: &str, name: &str) -> Result<Option<WebElement>> {
        let mut found = Vec::new();
        for element in self.candidates(parent, role).await? {
            // Each question is a round trip to the browser, and most elements have another name.
            if self.computed(Computed::Label(element.element_id())).await? == name
                && self.computed(Computed::Role(element.element_id())).await? == current(role)
            {
                found.push(element);
            }
        }
        if found.len() > 1 {
            return Err(Error::Unmet(format!("{} elements have the role {role} and the name \"{name}\"", found.len())));
        }
        Ok(found.pop())
    }

    async fn candidates(&self, parent: Option<&WebElement>, role: &str) -> Result<Vec<WebElement>> {
        let css = By::Css(selector(role));
        let candidates = match parent {
            Some(parent) => parent.find_all(css).await,
            None => self.driver().find_all(css).await,
        };
        candidates.doing(|| format!("look for elements of the role {role}"))
    }

    async fn computed(&self, what: Computed) -> Result<String> {
        let answer = self.driver().cmd(what).await.and_then(|answer| answer.value::<String>());
        let text = answer.doing(|| "compute an element's role or name".into())?;
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// The name that browsers give to the role: `img` is an old one of `image` (WAI-ARIA 1.3).
fn current(role: &str) -> &str {
    if role == "img" { "image" } else { role }
}

/// A selector for everything that may have the role; the browser is asked whether it does.
fn selector(role: &str) -> String {
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
        "image" | "img" => "img, svg, [role~=img]",
        _ => "",
    };
    let separator = if native.is_empty() { "" } else { ", " };
    format!("{native}{separator}[role~=\"{role}\"]")
}
