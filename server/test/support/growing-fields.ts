// What of a source text may grow for as long as its owner lives, told by the declared type, by the initialiser and by what
// the file does with it. Syntax only, no type checker: the whole program is read in a second or two.

import ts from 'typescript';

/**
 * Fields of classes and variables of modules that hold a collection, bytes or text of their own: made here, or added to here.
 * Left out is what cannot grow through them: constants that nothing changes, readonly collections, `as const`, what was handed
 * to the constructor and is not added to, and weak collections, which hold nothing alive.
 */
export function growingFields(text: string, file = 'source.ts'): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  visit(source, (node) => {
    if (ts.isClassLike(node)) found.push(...fieldsThatGrow(node));
  });
  for (const statement of source.statements.filter(ts.isVariableStatement))
    for (const variable of statement.declarationList.declarations)
      if (variableGrows(variable, source)) found.push(variable.name.getText());
  return found;
}

function fieldsThatGrow(owner: ts.ClassLikeDeclaration): string[] {
  return owner.members.filter(ts.isPropertyDeclaration).flatMap((field) => {
    return fieldGrows(field, owner) ? [field.name.getText()] : [];
  });
}

interface Uses {
  /** What is assigned to it, without what the constructor was given. */
  assigned: ts.Expression[];
  /** Something is added to it, or to a part of it. */
  isAddedTo: boolean;
}

function fieldGrows(field: ts.PropertyDeclaration, owner: ts.ClassLikeDeclaration): boolean {
  const { initializer, type, name } = field;
  if (isCollaborator(initializer, type)) return false;
  const self = isStatic(field) ? (owner.name?.text ?? '') : 'this';
  const uses = usesOf(owner, `${self}.${name.getText()}`);
  if (uses.isAddedTo) return true;
  if (isConstant(initializer, type)) return false;
  return isMade(initializer) || (isGrowingType(type) && uses.assigned.length > 0);
}

/** A table that is written once, in the module, and never added to is a constant. */
function variableGrows({ initializer, type, name }: ts.VariableDeclaration, source: ts.SourceFile): boolean {
  if (isCollaborator(initializer, type)) return false;
  const uses = usesOf(source, name.getText());
  if (uses.isAddedTo || uses.assigned.some(isMade)) return true;
  return !isConstant(initializer, type) && isMadeEmpty(initializer);
}

// What is done with it.

const ADDING = new Set(['push', 'unshift', 'splice', 'set', 'add', 'fill', 'append']);

function usesOf(scope: ts.Node, target: string): Uses {
  const uses: Uses = { assigned: [], isAddedTo: false };
  visit(scope, (node) => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { expression, name } = node.expression;
      if (ADDING.has(name.text) && isPartOf(expression, target)) uses.isAddedTo = true;
    }
    if (!ts.isBinaryExpression(node)) return;
    const { left, right, operatorToken } = node;
    const isWhole = left.getText() === target;
    if (ASSIGNING.has(operatorToken.kind) && isWhole && !isHandedIn(right)) uses.assigned.push(right);
    if (ASSIGNING.has(operatorToken.kind) && isWhole && extendsItself(right, target)) uses.isAddedTo = true;
    if (operatorToken.kind === ts.SyntaxKind.PlusEqualsToken && isWhole && isText(scope, target, right))
      uses.isAddedTo = true;
    if (
      ASSIGNING.has(operatorToken.kind) &&
      ts.isElementAccessExpression(left) &&
      isPartOf(left.expression, target)
    )
      uses.isAddedTo = true;
  });
  return uses;
}

const ASSIGNING: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.EqualsToken,
  ts.SyntaxKind.QuestionQuestionEqualsToken,
  ts.SyntaxKind.BarBarEqualsToken,
]);

/** `this.#x`, and `queue` of `this.#x`: what an object holds grows with it. */
function isPartOf(expression: ts.Expression, target: string): boolean {
  const bare = unwrapped(expression);
  if (bare.getText().replaceAll('?.', '.') === target) return true;
  return ts.isPropertyAccessExpression(bare) && isPartOf(bare.expression, target);
}

/** `x = [...x, y]`, `x = x + y`, `x = Buffer.concat([x, y])`, `x = x.concat(y)`. */
function extendsItself(value: ts.Expression, target: string): boolean {
  const bare = unwrapped(value);
  const repeats = (node: ts.Node): boolean => node.getText().includes(target);
  if (ts.isArrayLiteralExpression(bare))
    return bare.elements.some((e) => ts.isSpreadElement(e) && repeats(e));
  if (ts.isTemplateExpression(bare)) return repeats(bare);
  if (ts.isBinaryExpression(bare))
    return bare.operatorToken.kind === ts.SyntaxKind.PlusToken && repeats(bare) && hasText(bare);
  return isJoined(bare) && repeats(bare);
}

function isJoined(value: ts.Expression): boolean {
  const bare = unwrapped(value);
  if (!ts.isCallExpression(bare) || !ts.isPropertyAccessExpression(bare.expression)) return false;
  return bare.expression.name.text === 'concat';
}

/** Adding to a number is counting; adding to a text makes it longer. */
function isText(scope: ts.Node, target: string, added: ts.Expression): boolean {
  let isDeclaredText = false;
  visit(scope, (node) => {
    if (!ts.isPropertyDeclaration(node) && !ts.isVariableDeclaration(node)) return;
    if (node.name.getText() !== target.replace(/^.*\./, '')) return;
    const { type, initializer } = node;
    isDeclaredText ||=
      (type?.getText().includes('string') ?? false) || (initializer !== undefined && hasText(initializer));
  });
  return isDeclaredText || hasText(added);
}

function hasText(value: ts.Expression): boolean {
  const bare = unwrapped(value);
  if (ts.isBinaryExpression(bare)) return hasText(bare.left) || hasText(bare.right);
  return ts.isStringLiteralLike(bare) || ts.isTemplateExpression(bare);
}

// What it is.

const GROWING_TYPES = /^(Map|Set|Buffer|Record|\w*Array|BoundedQueue)$/;

/** Names that the file itself declares are followed; those of other files are not. */
function isGrowingType(type: ts.TypeNode | undefined, followed: readonly string[] = []): boolean {
  if (type === undefined || CONSTANT_TYPE.test(type.getText())) return false;
  if (ts.isUnionTypeNode(type)) return type.types.some((part) => isGrowingType(part, followed));
  if (ts.isParenthesizedTypeNode(type)) return isGrowingType(type.type, followed);
  if (ts.isTypeLiteralNode(type)) return hasGrowingMember(type.members, followed);
  if (!ts.isTypeReferenceNode(type)) return ts.isArrayTypeNode(type);
  const name = type.typeName.getText();
  if (GROWING_TYPES.test(name)) return true;
  return !followed.includes(name) && isGrowingDeclaration(type.getSourceFile(), [...followed, name]);
}

function isGrowingDeclaration({ statements }: ts.SourceFile, followed: readonly string[]): boolean {
  return statements.some((statement) => {
    if (ts.isInterfaceDeclaration(statement) && statement.name.text === followed.at(-1))
      return hasGrowingMember(statement.members, followed);
    if (!ts.isTypeAliasDeclaration(statement) || statement.name.text !== followed.at(-1)) return false;
    return isGrowingType(statement.type, followed);
  });
}

function hasGrowingMember(members: readonly ts.TypeElement[], followed: readonly string[]): boolean {
  return members.some(
    (member) =>
      ts.isIndexSignatureDeclaration(member) ||
      (ts.isPropertySignature(member) && isGrowingType(member.type, followed)),
  );
}

const CONSTANT_TYPE = /^(readonly .*\[\]|Readonly(Array|Map|Set)?<.*)$/s;

function isConstant(value: ts.Expression | undefined, type: ts.TypeNode | undefined): boolean {
  if (type !== undefined && CONSTANT_TYPE.test(type.getText())) return true;
  if (value === undefined) return false;
  if (ts.isSatisfiesExpression(value)) return isConstant(value.expression, type);
  return ts.isAsExpression(value) && value.type.getText() === 'const';
}

const COLLECTIONS = /^(Map|Set|\w*Array|BoundedQueue)$/;
const MAKERS = /^(Buffer|Array|Uint8Array|Object)\.(alloc|allocUnsafe|from|of|concat|create|fromEntries)$/;

/** A collection or bytes that are made here, alone or in an object. */
function isMade(value: ts.Expression | undefined): boolean {
  return anyOf(value, (part) => {
    if (ts.isArrayLiteralExpression(part)) return true;
    if (ts.isNewExpression(part)) return COLLECTIONS.test(part.expression.getText());
    return ts.isCallExpression(part) && MAKERS.test(part.expression.getText());
  });
}

/** As `isMade`, of what can be meant for adding only: there is nothing in it yet. */
function isMadeEmpty(value: ts.Expression | undefined): boolean {
  return anyOf(value, (part) => {
    if (ts.isArrayLiteralExpression(part)) return part.elements.length === 0;
    if (ts.isNewExpression(part))
      return COLLECTIONS.test(part.expression.getText()) && (part.arguments ?? []).length === 0;
    return ts.isCallExpression(part) && part.expression.getText() === 'Object.create';
  });
}

function anyOf(value: ts.Expression | undefined, is: (part: ts.Expression) => boolean): boolean {
  if (value === undefined) return false;
  const bare = unwrapped(value);
  if (ts.isConditionalExpression(bare)) return anyOf(bare.whenTrue, is) || anyOf(bare.whenFalse, is);
  if (ts.isBinaryExpression(bare)) return anyOf(bare.left, is) || anyOf(bare.right, is);
  if (!ts.isObjectLiteralExpression(bare)) return is(bare);
  return bare.properties.some((part) => ts.isPropertyAssignment(part) && anyOf(part.initializer, is));
}

/** In a constructor: a name, or a part of one. Whoever made it answers for it, as long as nothing is added to it here. */
function isHandedIn(value: ts.Expression): boolean {
  return isInConstructor(value) && isName(unwrapped(value));
}

function isName(value: ts.Expression): boolean {
  return ts.isIdentifier(value) || (ts.isPropertyAccessExpression(value) && isName(value.expression));
}

function isInConstructor(node: ts.Node): boolean {
  return ts.isConstructorDeclaration(node) || (node.parent !== undefined && isInConstructor(node.parent));
}

/** A function, or an object of a class or interface of its own, whose fields are looked at where it is. */
function isCollaborator(value: ts.Expression | undefined, type: ts.TypeNode | undefined): boolean {
  if (value !== undefined && ts.isArrowFunction(value)) return true;
  if (value !== undefined && ts.isNewExpression(value)) return !COLLECTIONS.test(value.expression.getText());
  return (
    value === undefined && type !== undefined && !isGrowingType(type) && !/\bstring\b/.test(type.getText())
  );
}

function unwrapped(value: ts.Expression): ts.Expression {
  const isWrapped =
    ts.isParenthesizedExpression(value) ||
    ts.isAsExpression(value) ||
    ts.isSatisfiesExpression(value) ||
    ts.isNonNullExpression(value);
  return isWrapped ? unwrapped(value.expression) : value;
}

function isStatic(field: ts.PropertyDeclaration): boolean {
  return field.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ?? false;
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}
