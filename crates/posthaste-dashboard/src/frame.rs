//! What stands around every page: where one is, where one can go, and what just happened.

use posthaste_engine::operations::Portal;
use posthaste_store::settings::Scope;

use crate::assets::Asset;

/// The page's surroundings, for its template.
pub(crate) struct Frame {
    pub(crate) title: String,
    /// None where it is a page that nobody meant to open.
    pub(crate) tab: Option<Tab>,
    /// Those that the viewer may open.
    pub(crate) tabs: Vec<Tab>,
    /// What the paths of these pages begin with.
    pub(crate) base: String,
    /// Empty on the platform's own pages.
    pub(crate) tenant: String,
    /// Who is signed in.
    pub(crate) who: Option<String>,
    /// Whether they may look at other tenants.
    pub(crate) is_platform: bool,
    pub(crate) is_portal: bool,
    /// Whose portal it is.
    pub(crate) brand: Option<Brand>,
    pub(crate) csrf: String,
    /// What a change that led here came to.
    pub(crate) note: Option<String>,
}

/// How a portal is called and looks.
pub(crate) struct Brand {
    pub(crate) name: String,
    pub(crate) has_logo: bool,
    pub(crate) has_accent: bool,
    pub(crate) mode: &'static str,
}

impl Brand {
    pub(crate) fn of(portal: &Portal) -> Self {
        let theme = &portal.link.theme;
        Self {
            name: theme.name.clone().unwrap_or_else(|| "Webhooks".to_owned()),
            has_logo: portal.logo.is_some(),
            has_accent: theme.accent.is_some(),
            mode: theme.mode.as_str(),
        }
    }
}

impl Frame {
    /// Whether it stands around the page that the navigation calls so.
    pub(crate) fn is_at(&self, tab: &Tab) -> bool {
        self.tab.as_ref() == Some(tab)
    }

    /// Where a file of ours is, under a name that changes with what is in it.
    pub(crate) fn asset(&self, name: &str) -> String {
        Asset::path(name)
    }
}

macro_rules! tabs {
    ($($list:ident { $($tab:ident = $label:literal, $path:literal, $scope:ident;)* })*) => {
        /// The pages that the navigation names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Tab { $($($tab),*),* }

        impl Tab {
            $(pub(crate) const $list: &[Self] = &[$(Self::$tab),*];)*

            pub(crate) const fn label(self) -> &'static str {
                match self { $($(Self::$tab => $label),*),* }
            }

            /// Below the base; with its slash.
            pub(crate) const fn path(self) -> &'static str {
                match self { $($(Self::$tab => $path),*),* }
            }

            /// What a viewer has to hold to see it.
            pub(crate) const fn needs(self) -> Scope {
                match self { $($(Self::$tab => Scope::$scope),*),* }
            }
        }
    };
}

tabs! {
    EVERY {
        Overview = "Overview", "", DeliveriesRead;
        Events = "Events", "/events", EventsRead;
        Deliveries = "Deliveries", "/deliveries", DeliveriesRead;
        DeadLetters = "Dead letters", "/dead-letters", DeliveriesRead;
        Subscriptions = "Subscriptions", "/subscriptions", SubscriptionsRead;
        EventTypes = "Event types", "/event-types", EventsRead;
        Replays = "Replays", "/replays", DeliveriesRead;
        Inboxes = "Inboxes", "/inboxes", SubscriptionsRead;
        Keys = "Keys", "/keys", KeysManage;
        Audit = "Audit log", "/audit", KeysManage;
        Settings = "Settings", "/settings", TenantsManage;
    }
    PLATFORM {
        Tenants = "Tenants", "/tenants", TenantsManage;
        PlatformKeys = "Platform keys", "/platform/keys", KeysManage;
        Server = "Server", "/platform/settings", TenantsManage;
    }
}

macro_rules! notes {
    ($($note:ident = $code:literal, $text:literal;)*) => {
        /// What a change that was made says on the page that it leads to. It stands in the path as
        /// a code, perhaps with counts ([`Came`](crate::came::Came)), so that a link can make a page say nothing but one of
        /// these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Note { $($note),* }

        impl Note {
            const EVERY: &[Self] = &[$(Self::$note),*];

            pub(crate) const fn code(self) -> &'static str {
                match self { $(Self::$note => $code),* }
            }

            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$note => $text),* }
            }
        }
    };
}

notes! {
    Created = "created", "Created.";
    Saved = "saved", "Saved.";
    Deleted = "deleted", "Deleted.";
    Paused = "paused", "Paused: deliveries are held until it is resumed.";
    Resumed = "resumed", "Resumed: what was held goes out.";
    Rotated = "rotated", "There is a new secret; the old one signs beside it until the overlap ends.";
    Redelivered = "redelivered", "On its way again.";
    NothingToDo = "nothing", "Nothing to do: nothing matched any more.";
    NoneSelected = "none", "Nothing was selected.";
    Unwanted = "unwanted", "Nothing was sent: no subscription wants this event today.";
    Discarded = "discarded", "Discarded: it stays in the log.";
    Stopped = "stopped", "Stopped.";
    Published = "published", "Published.";
    Undone = "undone", "Your session had ended: nothing was done. Please do it again.";
    Tested = "tested", "A test is on its way.";
}

impl Note {
    pub(crate) fn coded(code: &str) -> Option<Self> {
        Self::EVERY.iter().copied().find(|note| note.code() == code)
    }
}
