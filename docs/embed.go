// Package docs is what of the documentation is served by the gateway.
package docs

import _ "embed"

// OpenAPI describes everything under /api/v1, as YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
