//! The document at `/openapi.json`: what the routes say about themselves, and what holds for all of
//! them, said once.

use utoipa::{
    OpenApi, ToSchema,
    openapi::{
        Content, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::{asks::Asks, problem::ProblemView};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Posthaste",
        description = "Webhooks that arrive. Errors are problems (RFC 9457); every answer has \
            `x-request-id`. An item of a batch is pointed at by its index, `/3/type`, in JSON and \
            in NDJSON alike; a query parameter as `?name`, a header as `@name`. A platform key \
            picks its tenant with `Posthaste-Tenant`. What an operation's security names behind `key` \
            is the scope that the key has to have."
    ),
    components(schemas(ProblemView<'static>))
)]
struct Base;

/// What every refusal is written in.
const PROBLEM: &str = "application/problem+json";
/// The name of the one way to authenticate.
const KEY: &str = "key";

/// Completes what the routes have said.
pub(crate) fn complete(routes: Document) -> Document {
    let mut document = Base::openapi();
    document.merge(routes);
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components
        .security_schemes
        .insert(KEY.to_owned(), SecurityScheme::Http(bearer).into());
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete_operation);
    }
    document
}

pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.patch,
        &mut item.put,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// What any operation may answer, where it does not say it itself.
fn complete_operation(operation: &mut Operation) {
    let open = Some(vec![requirement(Asks::Nothing)]);
    if operation.security == open {
        return;
    }
    problems_are_problems(operation);
    let mut say = |status: &str, description: &str| {
        let responses = &mut operation.responses.responses;
        let known = responses.contains_key(status);
        if !known {
            responses.insert(status.to_owned(), problem(description));
        }
    };
    say("401", "No valid key");
    say("403", "The key lacks a scope");
    say("404", "There is no such thing, or tenant");
    say("429", "Too many failed attempts from this address");
    say("422", "Something in the request is not valid");
    say("500", "Our own fault");
    say("503", "Storage is unavailable; nothing was stored");
    say(
        "400",
        "It is no HTTP/1.1, its body is no JSON, or its cursor is of another list",
    );
    say("408", "The head or the body took too long");
    say("414", "The request line is too long");
    say("431", "The head is too large");
    if operation.request_body.is_some() {
        say("413", "The body is too large");
        say("415", "The body is of an unsupported type");
    }
}

/// What is asked of a key: its scope stands where OpenAPI 3.1 has roles.
pub(crate) fn requirement(asks: Asks) -> SecurityRequirement {
    let scopes = match asks {
        Asks::Nothing => return SecurityRequirement::default(),
        Asks::AnyKey => None,
        Asks::Key(scope) => Some(scope.as_str()),
    };
    SecurityRequirement::new(KEY, scopes)
}

/// A route names the body of a refusal alone; its form is that of every refusal.
fn problems_are_problems(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if status.starts_with(['4', '5'])
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(PROBLEM.to_owned(), content);
        }
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let name = ProblemView::<'static>::name();
    let content = Content::new(Some(Ref::from_schema_name(name)));
    let response = ResponseBuilder::new().description(description);
    response.content(PROBLEM, content).build().into()
}
