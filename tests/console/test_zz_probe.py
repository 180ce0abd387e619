from tests.console.conftest import *
def test_look(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    if staff.running.settings.database: return
    staff.provision(scim, userName="ana@north.example", name={"givenName":"Ana"}, emails=[{"value":"a@b.example","primary":True}])
    for p in ("", "users", "identity-providers", "activity", "tenant", "administrators", "users/new"):
        page = owner.get(staff.at(p))
        print(p, page.status, len(page.source), page.text[:300])
    print(owner.get(staff.provider).text)
    print(owner.get(staff.provider+"/mapping").text[:800])
    print(owner.client.cookies)
    print(owner.get(staff.at("users","new")).answer.headers)
