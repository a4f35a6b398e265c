"""The formats of the tokens that services issue: one line per format, recognised by its beginning.

Sources: the issuers' documentation and announcements of their token formats.
"""

from __future__ import annotations

from typing import NamedTuple


class Form(NamedTuple):
    """A token that needs no context. `pattern` is tried wherever a prefix begins a word."""

    kind: str
    prefixes: tuple[str, ...]
    pattern: str


_URL_SAFE = "[A-Za-z0-9_-]"
_END = "(?![A-Za-z0-9])"

FORMS = (
    Form("Anthropic API key", ("sk-ant-",), rf"sk-ant-[a-z]{{2,12}}[0-9]{{2}}-{_URL_SAFE}{{24,}}"),
    Form(
        "OpenAI API key", ("sk-",), rf"sk-(?:(?:proj|svcacct|admin|None)-{_URL_SAFE}{{32,}}|[A-Za-z0-9]{{32,}}{_END})"
    ),
    Form("API key", ("sk-",), rf"sk-(?:or-v1-|lf-|kimi-|sp-){_URL_SAFE}{{24,}}"),
    Form("AWS access key", ("AKIA", "ASIA", "ABIA", "ACCA"), rf"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{{16}}{_END}"),
    Form("AWS session token", ("IQoJb3JpZ2lu", "FwoGZXIvYXdz"), r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[A-Za-z0-9+/=%]{100,}"),
    Form("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9_]{36,}"),
    Form("GitHub token", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{50,}"),
    Form(
        "GitLab token",
        ("glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glsoat-", "glimt-", "glagent-", "gloas-"),
        rf"gl[a-z]{{2,5}}-{_URL_SAFE}{{20,}}(?:\.[0-9a-z.]{{8,}})?",
    ),
    Form(
        "Slack token",
        ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe", "xoxc-", "xoxd-"),
        r"xox[a-e p-s](?:\.xox[bp])?-[A-Za-z0-9%-]{20,}",
    ),
    Form("Slack token", ("xapp-",), r"xapp-[0-9]-[A-Z0-9]{6,}-[0-9]{6,}-[A-Za-z0-9]{20,}"),
    Form(
        "Stripe key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_"), rf"[sr]k_(?:live|test)_[A-Za-z0-9]{{16,}}{_END}"
    ),
    Form("webhook signing secret", ("whsec_",), r"whsec_[A-Za-z0-9+/=]{24,}"),
    Form("Google API key", ("AIza",), rf"AIza{_URL_SAFE}{{35}}(?!{_URL_SAFE})"),
    Form("Google access token", ("ya29.",), r"ya29\.[A-Za-z0-9_.-]{30,}"),
    Form("Google client secret", ("GOCSPX-",), rf"GOCSPX-{_URL_SAFE}{{28,}}"),
    Form("Azure client secret", ("7Q~", "8Q~"), r"[78]Q~(?<=[A-Za-z0-9_~.]{3}.Q~)[A-Za-z0-9_.~-]{31,}"),
    Form("Segue token", ("segue_",), rf"segue_[A-Za-z0-9]{{49}}{_END}"),
    Form("npm token", ("npm_",), rf"npm_[A-Za-z0-9]{{36}}{_END}"),
    Form("PyPI token", ("pypi-AgE",), rf"pypi-AgE{_URL_SAFE}{{50,}}"),
    Form("Docker Hub token", ("dckr_",), rf"dckr_[po]at_{_URL_SAFE}{{27,}}"),
    Form("DigitalOcean token", ("dop_v1_", "doo_v1_", "dor_v1_"), r"do[por]_v1_[a-f0-9]{64,}"),
    Form("Heroku API key", ("HRKU-",), rf"HRKU-{_URL_SAFE}{{36,}}"),
    Form("Twilio API key", ("SK",), rf"SK[0-9a-f]{{32}}{_END}"),
    Form("SendGrid API key", ("SG.",), rf"SG\.{_URL_SAFE}{{16,32}}\.{_URL_SAFE}{{32,}}"),
    Form("Mailgun API key", ("key-",), rf"key-[0-9a-f]{{32}}{_END}"),
    Form("Mailchimp API key", ("-us",), r"-us(?<=[0-9a-f]{32}-us)[0-9]{1,2}"),
    Form("Telegram bot token", ("AA",), rf"AA(?<=[0-9]{{8}}:AA){_URL_SAFE}{{33}}(?!{_URL_SAFE})"),
    Form(
        "Discord bot token",
        ("MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"),
        rf"[MNO][A-Za-z0-9]{{23,27}}\.{_URL_SAFE}{{6}}\.{_URL_SAFE}{{27,}}",
    ),
    Form("Hugging Face token", ("hf_",), rf"hf_[A-Za-z0-9]{{34,}}{_END}"),
    Form("Hugging Face token", ("api_org_",), rf"api_org_[A-Za-z0-9]{{34,}}{_END}"),
    Form("Databricks token", ("dapi",), rf"dapi[0-9a-f]{{32}}(?:-[0-9])?{_END}"),
    Form("Shopify token", ("shpat_", "shpca_", "shppa_", "shpss_"), r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32,}"),
    Form("Square token", ("sq0",), rf"sq0[a-z]{{3}}-{_URL_SAFE}{{22,}}"),
    Form("Square token", ("EAAA",), rf"EAAA{_URL_SAFE}{{60}}(?!{_URL_SAFE})"),
    Form("Atlassian token", ("ATATT3", "ATCTT3", "ATSTT3"), rf"AT[ACS]TT3{_URL_SAFE}{{60,}}(?:=[A-F0-9]{{8,}})?"),
    Form("Bitbucket app password", ("ATBB",), rf"ATBB[A-Za-z0-9]{{32}}{_END}"),
    Form("Vault token", ("hvs.", "hvb.", "hvr."), rf"hv[sbr]\.{_URL_SAFE}{{24,}}"),
    Form("Terraform token", (".atlasv1.",), rf"\.atlasv1\.(?<=[A-Za-z0-9]{{14}}\.atlasv1\.){_URL_SAFE}{{60,}}"),
    Form("Grafana token", ("glsa_", "glc_"), r"gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}"),
    Form("New Relic key", ("NRAK-", "NRJS-", "NRII-"), rf"NR(?:AK|JS|II)-{_URL_SAFE}{{19,}}"),
    Form("Sentry token", ("sntrys_", "sntryu_"), r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    Form("Linear API key", ("lin_api_", "lin_oauth_"), r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    Form("Notion token", ("ntn_", "secret_"), rf"(?:ntn_[A-Za-z0-9]{{40,}}|secret_[A-Za-z0-9]{{43}}){_END}"),
    Form("Pulumi token", ("pul-",), rf"pul-[a-f0-9]{{40}}{_END}"),
    Form("Doppler token", ("dp.",), r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40,}"),
    Form("Postman API key", ("PMAK-",), r"PMAK-[a-f0-9]{24}-[a-f0-9]{34,}"),
    Form("Supabase token", ("sbp_", "sb_secret_"), rf"sb(?:p|_secret)_{_URL_SAFE}{{31,}}"),
    Form("Groq API key", ("gsk_",), r"gsk_[A-Za-z0-9]{40,}"),
    Form("Replicate token", ("r8_",), rf"r8_[A-Za-z0-9]{{37,}}{_END}"),
    Form("Perplexity API key", ("pplx-",), r"pplx-[A-Za-z0-9]{40,}"),
    Form("xAI API key", ("xai-",), r"xai-[A-Za-z0-9]{60,}"),
    Form("Tailscale key", ("tskey-",), r"tskey-[a-z]{2,12}-[A-Za-z0-9-]{20,}"),
    Form("Figma token", ("figd_", "figu_"), rf"fig[du]_{_URL_SAFE}{{36,}}"),
    Form("RubyGems API key", ("rubygems_",), r"rubygems_[a-f0-9]{48,}"),
    Form("LangSmith API key", ("lsv2_",), r"lsv2_[a-z]{2}_[a-f0-9]{32}_[a-f0-9]{10,}"),
    Form("PlanetScale password", ("pscale_",), r"pscale_(?:pw|tkn|oauth)_[A-Za-z0-9_.=-]{32,}"),
    Form("OpenShift token", ("sha256~",), rf"sha256~{_URL_SAFE}{{43}}(?!{_URL_SAFE})"),
    Form("Dynatrace token", ("dt0",), r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64,}"),
    Form("Airtable token", ("pat",), r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64,}"),
    Form("Fly.io token", ("fm1", "fm2_", "fo1_"), rf"(?:fm[12][ar]?_[A-Za-z0-9+/=,]{{60,}}|fo1_{_URL_SAFE}{{43,}})"),
    Form("Netlify token", ("nfp_",), rf"nfp_[A-Za-z0-9]{{36,}}{_END}"),
    Form("crates.io token", ("cio",), rf"cio[A-Za-z0-9]{{32}}{_END}"),
    Form("Prefect API key", ("pnu_",), rf"pnu_[A-Za-z0-9]{{36}}{_END}"),
    Form("1Password token", ("ops_eyJ",), rf"ops_eyJ{_URL_SAFE}{{80,}}"),
    Form("JSON web token", ("eyJ",), rf"eyJ{_URL_SAFE}{{10,}}+\.{_URL_SAFE}{{10,}}+\.{_URL_SAFE}{{10,}}"),
    Form(
        "encrypted JSON web token",
        ("eyJ",),
        rf"eyJ{_URL_SAFE}{{10,}}+(?:\.{_URL_SAFE}*+){{2}}\.{_URL_SAFE}{{10,}}+\.{_URL_SAFE}{{16,}}",
    ),
    Form(
        "age private key", ("AGE-SECRET-KEY-1", "AGE-PLUGIN-"), r"AGE-(?:SECRET-KEY-1|PLUGIN-[A-Z0-9]+-1)[A-Z0-9]{40,}"
    ),
    # The base64 of "-----BEGIN … PRIVATE KEY" in kubeconfig files; a certificate begins differently.
    Form(
        "private key",
        ("LS0tLS1CRUdJTi",),
        r"LS0tLS1CRUdJTi(?:BQUklWQVRFIEtFWS|BSU0EgUFJJVkFURSBLRVkt|BFQyBQUklWQVRFIEtFWS"
        r"|BPUEVOU1NIIFBSSVZBVEUgS0VZ|BFTkNSWVBURUQgUFJJVkFURSBLRVkt|BEU0EgUFJJVkFURSBLRVkt)[A-Za-z0-9+/=]*",
    ),
)
